// String columns: a feature per frequent category, one for a missing value where training had any, and "other" for rare
// and unseen ones where training had rare ones; else an unseen category leaves all features of its column at zero.
import type { ContractColumn } from '../../contract/datasets.ts'
import { fail } from '../../core/failure.ts'
import type { FeatureInfo } from '../features.ts'
import type { GraphBuilder, Value } from '../onnx/graph.ts'
import type { CategoryColumn, Table } from '../table.ts'
import { type Block, type DroppedColumn, ones } from './block.ts'
import { join } from './number-nodes.ts'
import type { EncodingOptions } from './options.ts'

interface CategoryFit {
  readonly column: string
  /** Categories with a feature, in the order of their text. */
  readonly kept: readonly string[]
  /** Training had missing cells, so '' is a feature. */
  readonly missing: boolean
  /** Training had rare categories, so "other" is a feature. */
  readonly other: boolean
}

export function fitCategories(
  table: Table,
  columns: readonly ContractColumn[],
  options: EncodingOptions,
): Block | null {
  if (columns.length === 0) return null
  const fits: CategoryFit[] = []
  const dropped: DroppedColumn[] = []
  for (const { name } of columns) {
    const fit = fitColumn(name, table, options)
    if (typeof fit === 'string') dropped.push({ column: name, reason: fit })
    else fits.push(fit)
  }
  if (options.categories === 'ordinal') {
    return {
      features: fits.map(({ column, kept }) => ({
        name: column,
        column,
        kind: 'category',
        categories: kept.length + OUTSIDE,
      })),
      nonZeros: fits.length,
      dropped,
      write: (graph, inputs) => ({ form: 'dense', value: writeOrdinal(graph, inputs, fits) }),
    }
  }
  const features = fits.flatMap(featuresOf)
  return {
    features,
    nonZeros: fits.length,
    dropped,
    write: (graph, inputs) => {
      const ids = writeIds(graph, inputs, fits)
      return { form: 'pairs', ids, values: ones(graph, ids), slots: features.length + 1 }
    },
  }
}

/** Beside the kept categories, an ordinal feature has a number for rare and unseen ones and a number for missing ones. */
const OUTSIDE = 2

function featuresOf({ column, kept, missing, other }: CategoryFit): FeatureInfo[] {
  const names = kept.map((category) => `${column}=${category}`)
  if (missing) names.push(`${column} is missing`)
  if (other) names.push(`${column} is other`)
  return names.map((name) => ({ name, column, kind: 'number' }))
}

/** A category as the graph will see it: the runtime ends strings at a NUL and repairs broken surrogates. */
function asFed(category: string): string {
  const end = category.indexOf('\0')
  return (end < 0 ? category : category.slice(0, end)).toWellFormed()
}

function fitColumn(name: string, table: Table, options: EncodingOptions): CategoryFit | DroppedColumn['reason'] {
  const counts = countCategories(name, table)
  const missing = counts.get('') ?? 0
  counts.delete('')
  if (counts.size === 0) return 'empty'
  const enough = Math.min(options.minCategoryRows, Math.max(2, Math.ceil(table.rows / 50)))
  const byText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
  const kept = [...counts]
    .filter(([, count]) => count >= enough)
    .sort(([a, m], [b, n]) => n - m || byText(a, b))
    .slice(0, options.maxCategories)
    .map(([category]) => category)
    .sort(byText)
  const other = kept.length < counts.size
  if (kept.length === 0 && missing === 0) return 'no category is frequent enough'
  if (kept.length + Number(missing > 0) + Number(other) < 2) return 'constant'
  return { column: name, kept, missing: missing > 0, other }
}

/** Rows of each category, missing ones under ''. */
function countCategories(name: string, table: Table): Map<string, number> {
  const column = table.columns.get(name)
  if (column?.form !== 'category') throw fail('internal', 'COLUMN_FORM', `Column "${name}" should hold categories`)
  const rows = rowsByCode(column)
  const counts = new Map<string, number>()
  const add = (category: string, count: number) => {
    if (count > 0) counts.set(category, (counts.get(category) ?? 0) + count)
  }
  column.dictionary.forEach((category, code) => {
    add(asFed(category), rows[code + 1]!)
  })
  add('', rows[0]!)
  return counts
}

/** Rows of every code; position 0 is for missing cells. */
function rowsByCode(column: CategoryColumn): Uint32Array {
  const rows = new Uint32Array(column.dictionary.length + 1)
  for (const code of column.codes) rows[code + 1]!++
  return rows
}

/** [N, columns] int64: the feature each cell switches on, or the number of features for none. */
function writeIds(graph: GraphBuilder, inputs: ReadonlyMap<string, Value>, fits: readonly CategoryFit[]): Value {
  const width = fits.reduce((sum, fit) => sum + featuresOf(fit).length, 0)
  let first = 0
  const ids = fits.map((fit) => {
    const keys = fit.missing ? [...fit.kept, ''] : fit.kept
    const none = fit.other ? first + keys.length : width
    const start = first
    first += keys.length + Number(fit.other)
    return graph.node('LabelEncoder', [inputs.get(fit.column)!], {
      domain: 'ai.onnx.ml',
      attributes: {
        keys_strings: { strings: keys },
        values_int64s: { ints: keys.map((_, i) => start + i) },
        default_int64: { int: none },
      },
    })
  })
  return join(graph, ids)
}

/** [N, columns] float32: the category's number in the order of its text; rare and unseen ones one above; missing two above. */
function writeOrdinal(graph: GraphBuilder, inputs: ReadonlyMap<string, Value>, fits: readonly CategoryFit[]): Value {
  const codes = fits.map((fit) =>
    graph.node('LabelEncoder', [inputs.get(fit.column)!], {
      domain: 'ai.onnx.ml',
      attributes: {
        keys_strings: { strings: [...fit.kept, ''] },
        values_floats: { floats: [...fit.kept.map((_, i) => i), fit.kept.length + 1] },
        default_float: { float: fit.kept.length },
      },
    }),
  )
  return join(graph, codes)
}
