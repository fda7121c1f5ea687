// The request forms of KServe V1, TensorFlow Serving, MLflow and SageMaker, all read into rows of named columns.
import { fail } from '../../core/failure.ts'
import { type Cell, parseCsv } from './csv.ts'

type Fields = Readonly<Record<string, unknown>>

/** Rows, and what the request calls them: errors name their place by it. */
export interface GivenRows {
  readonly rows: readonly unknown[]
  readonly field: string
  /** In the order in which the request names them; an object has those that are numbers first. */
  readonly columns?: readonly string[]
}

const FORMS = ['dataframe_split', 'dataframe_records', 'instances', 'inputs'] as const

/** @throws `malformed` SCORING_REQUEST_MALFORMED unless exactly one of the forms is there. */
export function rowsOfDocument(value: unknown): GivenRows {
  const document = isObject(value) ? value : {}
  const given = FORMS.filter((form) => (document[form] ?? null) !== null)
  const [form] = given
  if (form === undefined || given.length > 1) {
    throw malformed(`The body must be a JSON object with exactly one of ${FORMS.join(', ')}`)
  }
  const content = document[form]
  if (form === 'dataframe_split') return { ...fromSplit(content), field: form }
  return { rows: isObject(content) ? fromColumns(content, form) : listOf(content, form), field: form }
}

/** The first line names the columns; with `header` absent, values stand in the order of the signature. */
export function rowsOfCsv(text: string, header: 'present' | 'absent'): GivenRows {
  const lines = parseCsv(text)
  if (header === 'absent') return { rows: lines, field: 'csv' }
  const [columns, ...rest] = lines
  if (!columns) throw malformed('The CSV text is empty; its first line names the columns')
  refuseTwice(columns, 'The first line')
  const names = columns as readonly string[]
  return { rows: rest.map((cells, i) => named(names, cells, `line ${i + 2}`)), field: 'csv', columns: names }
}

function malformed(message: string) {
  return fail('malformed', 'SCORING_REQUEST_MALFORMED', message)
}

function isObject(value: unknown): value is Fields {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** A bare value is a row of one column. */
function listOf(content: unknown, form: string): readonly unknown[] {
  if (!Array.isArray(content)) throw malformed(`"${form}" must be a list of rows`)
  return content.map((row: unknown) => (row !== null && typeof row === 'object' ? row : [row]))
}

function fromSplit(content: unknown): Pick<GivenRows, 'rows' | 'columns'> {
  if (!isObject(content) || !Array.isArray(content.columns) || !Array.isArray(content.data)) {
    throw malformed('"dataframe_split" must have "columns" and "data", both lists')
  }
  const { columns, data } = content as { columns: readonly string[]; data: readonly unknown[] }
  refuseTwice(columns, '"dataframe_split.columns"')
  const rows = data.map((cells, i) => {
    if (!Array.isArray(cells)) throw malformed(`"dataframe_split.data.${i}" must be a list of values`)
    return named(columns, cells as Cell[], `dataframe_split.data.${i}`)
  })
  return { rows, columns }
}

/** The later of two columns of one name would silently take the place of the first. */
function refuseTwice(columns: readonly unknown[], place: string): void {
  const seen = new Set<unknown>()
  for (const name of columns) {
    if (seen.has(name)) throw malformed(`${place} names the column ${JSON.stringify(name)} twice`)
    seen.add(name)
  }
}

/** `{age: [1, 2], city: ["a", "b"]}`: columns of equal length; bare values make one row. */
function fromColumns(columns: Fields, form: string): readonly unknown[] {
  const entries = Object.entries(columns)
  const [, list] = entries.find(([, values]) => Array.isArray(values)) ?? []
  if (list === undefined) return [columns]
  const { length } = list as readonly unknown[]
  for (const [name, values] of entries) {
    if (Array.isArray(values) && values.length === length) continue
    throw malformed(`"${form}.${name}" must be a list of ${length} values, like the other columns`)
  }
  return Array.from({ length }, (_, i) =>
    Object.fromEntries(entries.map(([name, values]) => [name, cellOf((values as readonly unknown[])[i])])),
  )
}

/** Columns are often written as [N, 1]. */
function cellOf(value: unknown): unknown {
  return Array.isArray(value) && value.length === 1 ? value[0] : value
}

function named(columns: readonly string[], cells: readonly unknown[], place: string): Fields {
  if (cells.length !== columns.length) {
    throw malformed(`${place} has ${cells.length} values for ${columns.length} columns`)
  }
  return Object.fromEntries(columns.map((name, i) => [name, cells[i]]))
}
