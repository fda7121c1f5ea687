// A model file asked about the rows of a table, in chunks, as serving would ask it: every column goes in under its own name,
// missing text as '', missing numbers as NaN. Deliberately not the feeding code of the encoders: the parity check would
// otherwise repeat their mistakes.
import { fail } from '../../../core/failure.ts'
import type { Column, Table } from '../../../ml/table.ts'
import { type InProcessSession, openSession } from '../../../runtime/in-process.ts'
import type { Tensor, TensorInfo, Tensors } from '../../../runtime/types.ts'
import { concatPredictions, type Predictions, readOutputs } from './predictions.ts'
import type { Step } from './progress.ts'

export interface ScoreRequest {
  readonly file: Uint8Array
  readonly table: Table
  /** Names of the outputs to read: label and probabilities, or the one number. */
  readonly outputs: readonly string[]
  /** In the order of the file's probabilities; absent for regression. */
  readonly classes?: readonly string[]
  /** Width of the widest tensor in the graph, which decides how many rows go in at once. */
  readonly width: number
  readonly step: Step
}

/** Values of the widest tensor of one run: 16 MB as float32. */
const CHUNK_VALUES = 4_000_000
const MAX_CHUNK = 4096

export async function scoreFile(request: ScoreRequest): Promise<Predictions> {
  const { file, table, width, step } = request
  const session = await openSession(file)
  try {
    const parts: Predictions[] = []
    const size = chunkSize(session, width)
    for (let start = 0; start < table.rows; start += size) {
      step(start / table.rows)
      const end = Math.min(table.rows, start + size)
      const { outputs } = await session.run(tableFeeds(table, session.info.inputs, { start, end }), {
        fetches: request.outputs,
      })
      parts.push(readOutputs(outputs, request.outputs, request.classes))
    }
    return concatPredictions(parts)
  } finally {
    await session.close()
  }
}

function chunkSize({ info }: InProcessSession, width: number): number {
  if (info.inputs.some((input) => input.dims[0] === 1)) return 1 // some files accept one row only
  return Math.max(1, Math.min(MAX_CHUNK, Math.floor(CHUNK_VALUES / Math.max(1, width))))
}

export interface RowRange {
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

export function tableFeeds(table: Table, inputs: readonly TensorInfo[], range: RowRange): Tensors {
  const feeds: Record<string, Tensor> = {}
  for (const input of inputs) {
    const column = table.columns.get(input.name)
    if (!column) throw fail('internal', 'MODEL_INPUT_MISSING', `The table has no column "${input.name}"`)
    const rows = range.end - range.start
    const dims = input.dims.length === 1 ? [rows] : [rows, 1]
    feeds[input.name] = { dims, ...cells(column, input, range) }
  }
  return feeds
}

function cells(column: Column, { name, type }: TensorInfo, { start, end }: RowRange): Pick<Tensor, 'type' | 'data'> {
  if (column.form === 'number') {
    const values = column.values.subarray(start, end)
    if (type === 'float64') return { type, data: values }
    if (type === 'float32') return { type, data: Float32Array.from(values) }
    if (type === 'int64') return { type, data: BigInt64Array.from(values, (value) => BigInt(Math.round(value || 0))) }
    if (type === 'bool') return { type, data: Uint8Array.from(values, (value) => (value === 1 ? 1 : 0)) }
  } else if (type === 'string') {
    return { type, data: column.form === 'text' ? texts(column.values, start, end) : names(column, start, end) }
  }
  throw fail('invalid', 'MODEL_INPUT_INVALID', `Column "${name}" holds ${column.form}s, the model wants ${type}`)
}

function texts(values: readonly (string | null)[], start: number, end: number): string[] {
  return values.slice(start, end).map((value) => value ?? '')
}

function names({ codes, dictionary }: Extract<Column, { form: 'category' }>, start: number, end: number): string[] {
  return Array.from(codes.subarray(start, end), (code) => (code < 0 ? '' : dictionary[code]!))
}
