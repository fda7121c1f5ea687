// What the tests of this folder share: tables in one line, and encodings run by the real runtime.
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { ColumnDtype, ContractColumn } from '../../contract/datasets.ts'
import type { Matrix } from '../matrix.ts'
import { GraphBuilder } from '../onnx/graph.ts'
import type { Column, Table } from '../table.ts'
import { encodeTable } from './encode-table.ts'
import { type Encoding, fitEncoding } from './encoding.ts'
import { columnFeeds, type Feeds } from './feeds.ts'
import type { EncodingChoices } from './options.ts'

export const aColumn = (name: string, dtype: ColumnDtype): ContractColumn => ({
  name,
  dtype,
  required: true,
  nullable: true,
})

export const numbers = (...values: number[]): Column => ({ form: 'number', values: Float64Array.from(values) })
export const texts = (...values: (string | null)[]): Column => ({ form: 'text', values })

export function categories(...values: (string | null)[]): Column {
  const dictionary = [...new Set(values.filter((value) => value !== null))]
  return {
    form: 'category',
    codes: Int32Array.from(values, (v) => (v === null ? -1 : dictionary.indexOf(v))),
    dictionary,
  }
}

export function aTable(columns: Record<string, Column>): Table {
  const first = Object.values(columns)[0]
  const rows = first === undefined ? 0 : first.form === 'category' ? first.codes.length : first.values.length
  return { rows, columns: new Map(Object.entries(columns)) }
}

export async function startSession(bytes: Uint8Array) {
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 })
  return (feeds: Feeds, fetches: readonly string[]) => {
    const tensors: Record<string, Tensor> = {}
    for (const [name, { type, data, dims }] of Object.entries(feeds)) {
      tensors[name] = type === 'string' ? new Tensor(type, [...data], dims) : new Tensor(type, data, dims)
    }
    return session.run(tensors, [...fetches])
  }
}

/** The features of `table` as serving computes them: one run, dense. */
export async function served(encoding: Encoding, table: Table): Promise<number[][]> {
  const graph = new GraphBuilder()
  graph.output('features', encoding.write(graph), 'float32', ['N', encoding.width])
  const run = await startSession(graph.build({ name: 'served' }))
  const { features } = await run(columnFeeds(table, encoding.inputs, 0, table.rows), ['features'])
  if (!features || features.dims[0] !== table.rows || features.dims[1] !== encoding.width)
    throw new Error('wrong shape')
  return rowsOf({ form: 'dense', rows: table.rows, cols: encoding.width, values: features.data as Float32Array })
}

/** The features of `table` as training collects them. */
export async function trained(encoding: Encoding, table: Table): Promise<Matrix> {
  return encodeTable(encoding, table, await startSession(encoding.trainingGraph().bytes))
}

export function rowsOf(matrix: Matrix): number[][] {
  return Array.from({ length: matrix.rows }, (_, row) => {
    if (matrix.form === 'dense') return [...matrix.values.subarray(row * matrix.cols, (row + 1) * matrix.cols)]
    const values = new Array<number>(matrix.cols).fill(0)
    for (let at = matrix.offsets[row]!; at < matrix.offsets[row + 1]!; at++)
      values[matrix.indices[at]!] = matrix.values[at]!
    return values
  })
}

/** Fits on one column and gives its features by name, for that table or another one. */
export async function encodeColumn(
  dtype: ColumnDtype,
  [fitted, applied = fitted]: readonly [Column, Column?],
  choices: EncodingChoices = {},
): Promise<Record<string, number[]>> {
  const encoding = fitEncoding(aTable({ x: fitted }), [aColumn('x', dtype)], choices)
  const rows = await served(encoding, aTable({ x: applied }))
  return Object.fromEntries(encoding.featureNames.map((name, i) => [name, rows.map((row) => row[i]!)]))
}

export const rounded = (values: readonly number[] | undefined, digits = 5) =>
  values?.map((value) => Number(value.toFixed(digits)) + 0)
