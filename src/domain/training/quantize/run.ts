// Makes the smaller file and measures it beside the one it was made from, on the same rows. In a process of its own: a model
// may be large, hostile or slow.
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Quantization } from '../../../contract/quantization.ts'
import type { Clock } from '../../../core/clock.ts'
import { asFailure, fail } from '../../../core/failure.ts'
import { type QuantizedModel, quantizeModel } from '../../../ml/onnx/quantize/index.ts'
import { type InProcessSession, openSession } from '../../../runtime/in-process.ts'
import { inOrder, measureChampion } from '../pipeline/champion.ts'
import { environment } from '../pipeline/environment.ts'
import { loadData } from '../pipeline/load.ts'
import { gateMetric, measure } from '../pipeline/measure.ts'
import type { Predictions } from '../pipeline/predictions.ts'
import { report } from '../pipeline/report.ts'
import type { Labelled } from '../pipeline/rows.ts'
import { splitRows } from '../pipeline/split.ts'
import { predictAll, unmeasurable } from './answers.ts'
import { compareSpeed, differencesOf, differencesOfOutputs, type Pair } from './compare.ts'
import { madeUpFeeder, tableFeeder } from './feeds.ts'
import type { MeasuredRows, QuantizeOutcome, QuantizeSpec } from './spec.ts'

export interface RunOptions {
  readonly signal: AbortSignal
  readonly clock: Clock
}

/** @throws as `quantizeModel`; `invalid` TRAINING_DATA_INVALID or MODEL_INPUT_INVALID when the rows do not fit the model. */
export async function quantize(spec: QuantizeSpec, options: RunOptions): Promise<QuantizeOutcome> {
  const file = await readFile(spec.source.path)
  const small = quantizeModel(file, spec.precision)
  const path = join(spec.outputDir, 'model.onnx')
  await writeFile(path, small.bytes)
  const before = await openSession(file)
  const after = await openCopy(small)
  const sides: Sides = { spec, before, after, ...options }
  try {
    const { measured, ...facts } = await (spec.rows ? onRows(sides, spec.rows) : onMadeUp(sides))
    return {
      artifact: { path, sha256: createHash('sha256').update(small.bytes).digest('hex'), bytes: small.bytes.length },
      quantization: {
        precision: spec.precision,
        from_version: spec.source.version,
        operators: { ...small.operators },
        weights: small.weights,
        kept: [...small.kept],
        size_bytes: { before: file.length, after: small.bytes.length },
        ...facts,
      },
      measured,
      environment: environment(),
    }
  } finally {
    await Promise.all([before.close(), after.close()])
  }
}

/** A file of ours that the engine refuses says something about the model it was made from. */
async function openCopy({ bytes }: QuantizedModel): Promise<InProcessSession> {
  try {
    return await openSession(bytes)
  } catch (error) {
    const { message } = asFailure(error)
    throw fail('invalid', 'MODEL_NOT_QUANTIZABLE', `The smaller copy cannot be loaded: ${message}`, { cause: error })
  }
}

interface Sides extends RunOptions {
  readonly spec: QuantizeSpec
  readonly before: InProcessSession
  readonly after: InProcessSession
}

type Facts = Pick<Quantization, 'latency_ms' | 'measured_on' | 'rows' | 'differences'> &
  Pick<QuantizeOutcome, 'measured'>

async function onMadeUp(sides: Sides): Promise<Facts> {
  const pair: Pair = { ...sides, feeder: madeUpFeeder(sides.before.info.inputs) }
  const differences = await differencesOfOutputs(pair)
  return {
    measured_on: 'synthetic_input',
    rows: 0,
    differences,
    latency_ms: differences ? await compareSpeed(pair, sides.clock) : [],
    measured: { unmeasured: 'there are no rows to measure on: name a dataset (dataset_id)' },
  }
}

async function onRows(sides: Sides, rows: MeasuredRows): Promise<Facts> {
  const { spec, before, after, signal, clock } = sides
  const { signature } = spec.source
  const task = rows.training.modelType
  const problem = unmeasurable(signature, task)
  if (problem !== undefined) throw fail('invalid', 'MODEL_NOT_MEASURABLE', `The model cannot be measured: ${problem}`)
  const data = await loadData(rows.training, signal)
  const split = rows.heldOut ? splitRows(data, rows.training) : undefined
  const labelled: Labelled = split?.heldOut ?? data
  const names = signature.inputs.map(({ name }) => name)
  const feeder = tableFeeder({ table: labelled.table, columns: rows.columns, names, inputs: before.info.inputs })
  const ask = (session: InProcessSession) => predictAll({ session, signature, feeder, task })
  const own = { before: await ask(before), after: await ask(after) }
  const figures = report(labelled.target, ordered(sides, labelled, own.after), rows.training.evaluation.seed)
  const metric = gateMetric(rows.training, figures)
  const old = measure(labelled.target, ordered(sides, labelled, own.before)).metrics[metric.name] ?? Number.NaN
  const champion = spec.champion && (await liveVersion(sides, { rows, labelled, metric: metric.name }))
  const { metrics, ...charts } = figures
  return {
    measured_on: rows.heldOut ? 'held_out_rows' : 'dataset',
    rows: labelled.table.rows,
    differences: differencesOf(own.before, own.after),
    latency_ms: await compareSpeed({ before, after, feeder }, clock),
    measured: {
      metrics,
      gateMetric: metric,
      before: old,
      ...(champion && { champion }),
      ...(split && { evaluation: { split: split.report, ...charts, folds: [], leaderboard: [], trials: [] } }),
    },
  }
}

/** Class probabilities in the order of the classes of the rows. @throws `invalid` for a class that the rows do not have. */
function ordered({ spec }: Sides, { target }: Labelled, predictions: Predictions): Predictions {
  if (target.task === 'regression') return predictions
  const own = spec.source.signature.outputs[0]!.categories!
  const extra = own.filter((name) => !target.classes.includes(name))
  if (extra.length === 0) return inOrder(predictions, own, target.classes)
  const message = `The model knows the class ${JSON.stringify(extra[0])}, which no row of the dataset is of`
  throw fail('invalid', 'MODEL_NOT_MEASURABLE', `The model cannot be measured: ${message}`)
}

interface Asked {
  readonly rows: MeasuredRows
  readonly labelled: Labelled
  readonly metric: string
}

function liveVersion({ spec }: Sides, { rows, labelled, metric }: Asked) {
  const { table, target } = labelled
  return measureChampion({
    champion: spec.champion!,
    table,
    contract: rows.training.contract,
    ...(target.task === 'classification' && { classes: target.classes }),
    measure: (theirs) => ({ value: measure(target, theirs).metrics[metric] ?? Number.NaN }),
    step: () => {},
  })
}
