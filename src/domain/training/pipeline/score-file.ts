// A model file asked about the rows of a table as serving would ask it: every column goes in under its own name, missing
// text as '', missing numbers as NaN. Deliberately not the feeding code of the encoders: the parity check would otherwise
// repeat their mistakes. The batches depend on the table alone, so one file always gets the same figures on the same rows.
import { fail } from '../../../core/failure.ts'
import type { Column, Table } from '../../../ml/table.ts'
import { openSession } from '../../../runtime/in-process.ts'
import type { Tensor, TensorInfo, Tensors } from '../../../runtime/types.ts'
import { collectPredictions, type Predictions, readOutputs } from './predictions.ts'
import type { Step } from './progress.ts'

export interface ScoreRequest {
  readonly file: Uint8Array
  readonly table: Table
  /** Names of the outputs to read: label and probabilities, or the one number. */
  readonly outputs: readonly string[]
  /** In the order of the file's probabilities; absent for regression. */
  readonly classes?: readonly string[]
  readonly step: Step
}

/** Rows that go in at once: 50,000 dense features then take 25 MB. */
const BATCH_ROWS = 128
/** Characters of one batch if all its texts were as long as the longest; a graph pads them so. */
const BATCH_CHARACTERS = 1 << 18

export async function scoreFile({ table, step, ...file }: ScoreRequest): Promise<Predictions> {
  const scorer = await openScorer(file)
  try {
    return await scorer.score(table, step)
  } finally {
    await scorer.close()
  }
}

export interface Scorer {
  score(table: Table, step: Step): Promise<Predictions>
  close(): Promise<void>
}

/** The file, loaded for as long as there are tables to ask it about. */
export async function openScorer(request: Omit<ScoreRequest, 'table' | 'step'>): Promise<Scorer> {
  const { file, outputs: names, classes } = request
  const session = await openSession(file)
  const { inputs } = session.info
  const score = async (table: Table, step: Step) => {
    const collected = collectPredictions(table.rows, classes)
    let done = 0
    for (const rows of batches(table, inputs)) {
      step(done / table.rows)
      const { outputs } = await session.run(tableFeeds(table, inputs, rows), { fetches: names })
      collected.add(rows, readOutputs(outputs, names, classes))
      done += rows.length
    }
    return collected.predictions
  }
  return { score, close: () => session.close() }
}

/** All rows, those with the shortest texts first: one long text must not stretch the short ones beside it. */
function* batches(table: Table, inputs: readonly TensorInfo[]): Generator<Uint32Array> {
  const lengths = textLengths(table, inputs)
  const order = Uint32Array.from({ length: table.rows }, (_, row) => row).sort(
    (a, b) => lengths[a]! - lengths[b]! || a - b,
  )
  const most = inputs.some((input) => input.dims[0] === 1) ? 1 : BATCH_ROWS // some files accept one row only
  for (let start = 0; start < order.length; ) {
    let end = start + 1
    while (end < order.length && end - start < most) {
      if (lengths[order[end]!]! * (end - start + 1) > BATCH_CHARACTERS) break
      end++
    }
    yield order.subarray(start, end)
    start = end
  }
}

/** Characters of the longest text in each row. */
function textLengths(table: Table, inputs: readonly TensorInfo[]): Uint32Array {
  const lengths = new Uint32Array(table.rows)
  for (const { name } of inputs) {
    const column = table.columns.get(name)
    if (column?.form !== 'text') continue
    for (let row = 0; row < table.rows; row++) lengths[row] = Math.max(lengths[row]!, column.values[row]?.length ?? 0)
  }
  return lengths
}

function tableFeeds(table: Table, inputs: readonly TensorInfo[], rows: Uint32Array): Tensors {
  const feeds: Record<string, Tensor> = {}
  for (const input of inputs) {
    const column = table.columns.get(input.name)
    if (!column) throw fail('invalid', 'MODEL_INPUT_INVALID', `The model takes "${input.name}", which is no column`)
    const dims = input.dims.length === 1 ? [rows.length] : [rows.length, 1]
    feeds[input.name] = { dims, ...cells(column, input, rows) }
  }
  return feeds
}

function cells(column: Column, { name, type }: TensorInfo, rows: Uint32Array): Pick<Tensor, 'type' | 'data'> {
  if (column.form === 'number') {
    const { values } = column
    if (type === 'float64') return { type, data: Float64Array.from(rows, (row) => values[row]!) }
    if (type === 'float32') return { type, data: Float32Array.from(rows, (row) => values[row]!) }
    if (type === 'int64') return { type, data: BigInt64Array.from(rows, (row) => BigInt(Math.round(values[row] || 0))) }
    if (type === 'bool') return { type, data: Uint8Array.from(rows, (row) => (values[row] === 1 ? 1 : 0)) }
  } else if (type === 'string') {
    if (column.form === 'text') return { type, data: Array.from(rows, (row) => column.values[row] ?? '') }
    return { type, data: Array.from(rows, (row) => column.dictionary[column.codes[row]!] ?? '') }
  }
  const holds = column.form === 'number' ? 'numbers' : 'text'
  throw fail('invalid', 'MODEL_INPUT_INVALID', `Column "${name}" holds ${holds}, the model takes ${type}`)
}
