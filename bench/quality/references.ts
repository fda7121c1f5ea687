// The reference engines, asked about the same rows: every column as numbers, categories as codes, instants with their parts
// beside them, because that is what somebody who uses those engines would make of the file.
import { spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ContractColumn } from '../../src/contract/datasets.ts'
import type { Column, Table } from '../../src/ml/table.ts'
import type { QualityRows } from './rows.ts'

const TEXT_ENGINES = ['linear', 'linear_svc'] as const
const PYTHON_ENGINES = ['lightgbm', 'hist_gradient_boosting', 'linear'] as const
const FOREST_ENGINES = [...PYTHON_ENGINES, 'sklearn_forest'] as const
const XGBOOST_ENGINES = ['xgboost'] as const

/** What an engine says about the test rows: probabilities row by row, or numbers. */
export type Said = ReadonlyMap<string, Float64Array>

export interface References extends AsyncDisposable {
  /** `text`: the one column is handed over as it is, to a TF-IDF with a linear model. */
  ask(rows: QualityRows, kind: 'table' | 'text'): Promise<Said>
}

export interface Pythons {
  /** With lightgbm and scikit-learn. */
  readonly python: string
  /** With xgboost; may be the same. */
  readonly xgboost: string
  /** Whether scikit-learn's forest is asked too. */
  readonly forest?: true
}

/** @param folder where the bytes go that both sides read. */
export function openReferences({ python, xgboost, forest }: Pythons, folder: string): References {
  const peers = [
    { peer: startPeer(python), engines: forest ? FOREST_ENGINES : PYTHON_ENGINES, texts: true },
    { peer: startPeer(xgboost), engines: XGBOOST_ENGINES, texts: false },
  ]
  return {
    async ask(rows, kind) {
      const request = kind === 'text' ? await storeTexts(rows, folder) : await storeColumns(rows, folder)
      const said = new Map<string, Float64Array>()
      for (const { peer, engines, texts } of peers) {
        if (kind === 'text' && !texts) continue
        await peer.answer({ ...request, engines })
        for (const name of kind === 'text' ? TEXT_ENGINES : engines) {
          const bytes = await readFile(`${request.target}.${name}`)
          said.set(name, new Float64Array(new Uint8Array(bytes).buffer))
        }
      }
      return said
    },
    async [Symbol.asyncDispose]() {
      for (const { peer } of peers) peer.end()
    },
  }
}

function startPeer(python: string) {
  const script = join(import.meta.dirname, 'trees-peer.py')
  const env = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', PYTHONWARNINGS: 'ignore' }
  const child = spawn(python, [script], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${python} ended`)
    return JSON.parse(value as string)
  }
  const ready = next()
  return {
    async answer(request: object): Promise<unknown> {
      await ready
      child.stdin.write(`${JSON.stringify(request)}\n`)
      return next()
    },
    end: () => child.stdin.end(),
  }
}

interface Request {
  readonly target: string
  /** 0 for numbers. */
  readonly classes: number
}

async function storeTarget({ train }: QualityRows, folder: string): Promise<Request> {
  const { target } = train
  const path = join(folder, 'target')
  await writeFile(path, Float64Array.from(target.task === 'classification' ? target.labels : target.values))
  return { target: path, classes: target.task === 'classification' ? target.classes.length : 0 }
}

async function storeTexts(rows: QualityRows, folder: string): Promise<Request & { readonly texts: string }> {
  const texts = join(folder, 'texts.json')
  const [train, test] = [rows.train.table, rows.test.table].map((table) => {
    const column = table.columns.get(rows.columns[0]!.name)!
    if (column.form === 'text') return column.values.map((value) => value ?? '')
    if (column.form === 'category') return Array.from(column.codes, (code) => column.dictionary[code] ?? '')
    throw new Error('A set of texts has a column of numbers')
  })
  await writeFile(texts, JSON.stringify({ train, test }))
  return { ...(await storeTarget(rows, folder)), texts }
}

async function storeColumns(
  rows: QualityRows,
  folder: string,
): Promise<Request & { readonly columns: readonly object[] }> {
  const writers = rows.columns.flatMap((column) => columnWriters(rows.train.table, column))
  const parts = await Promise.all(
    (['train', 'test'] as const).map(async (side) => {
      const { table } = rows[side]
      const file = join(folder, side)
      await writeFile(file, Float64Array.from(writers.flatMap(({ write }) => Array.from(write(table)))))
      return [side, { file, rows: table.rows }] as const
    }),
  )
  const columns = writers.map(({ kind, values }) => ({ kind, values }))
  return { ...(await storeTarget(rows, folder)), ...Object.fromEntries(parts), columns }
}

interface ColumnWriter {
  readonly kind: 'number' | 'category'
  readonly values: number
  readonly write: (table: Table) => ArrayLike<number>
}

const PARTS = [
  (date: Date) => date.getUTCMonth(),
  (date: Date) => date.getUTCDay(),
  (date: Date) => date.getUTCHours() + date.getUTCMinutes() / 60,
] as const

function columnWriters(train: Table, { name, dtype }: ContractColumn): ColumnWriter[] {
  const column = train.columns.get(name)!
  const numberOf = (table: Table) => (table.columns.get(name) as Extract<Column, { form: 'number' }>).values
  if (column.form === 'number') {
    const plain: ColumnWriter = { kind: 'number', values: 0, write: numberOf }
    if (dtype !== 'datetime') return [plain]
    const parts = PARTS.map(
      (part): ColumnWriter => ({
        ...plain,
        write: (table) => Array.from(numberOf(table), (at) => (Number.isNaN(at) ? at : part(new Date(at)))),
      }),
    )
    return [plain, ...parts]
  }
  const known = new Map<string, number>()
  for (const value of textsOf(column)) if (value !== null && !known.has(value)) known.set(value, known.size)
  const write = (table: Table) =>
    textsOf(table.columns.get(name)!).map((value) => (value === null ? Number.NaN : (known.get(value) ?? Number.NaN)))
  return [{ kind: 'category', values: known.size, write }]
}

function textsOf(column: Column): (string | null)[] {
  if (column.form === 'text') return [...column.values]
  if (column.form === 'number') throw new Error('A column has changed its form')
  return Array.from(column.codes, (code) => (code < 0 ? null : column.dictionary[code]!))
}
