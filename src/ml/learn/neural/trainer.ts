// The two graphs of a network and what they are fed: steps that change the weights, and the loss of rows that are not learned
// from. All arithmetic is in the graphs. Between two steps the event loop is free, so a stop is heard within one step.
import { fail } from '../../../core/failure.ts'
import type { Random } from '../../../core/random.ts'
import type { GraphEngine, GraphSession, GraphTensor } from '../../engine.ts'
import type { Matrix } from '../../matrix.ts'
import { type LearningHooks, throwIfStopped } from '../learner.ts'
import { type Bag, bagOf } from './bag.ts'
import { BETA1, BETA2, type GraphOptions, lossGraph, stepGraph } from './graph.ts'
import type { Parameters } from './network.ts'
import type { NeuralSettings } from './settings.ts'

export interface Examples {
  readonly matrix: Matrix
  /** int32 classes, or float32 standardised values. */
  readonly answers: Int32Array | Float32Array
  /** One for each row, 1 on average. */
  readonly weights: Float32Array
}

export interface LearningOptions {
  readonly graph: GraphOptions
  readonly settings: NeuralSettings
  readonly batchSize: number
  readonly engine: GraphEngine
  readonly random: Random
  readonly hooks: LearningHooks
}

/** One network on its way. */
export interface State {
  readonly table: Float32Array
  /** Works on `table`. */
  readonly bag: Bag | undefined
  rest: Float32Array
  m: Float32Array
  v: Float32Array
  steps: number
}

/** `loss` a row so far, `share` of the rows seen. */
export type EpochHeard = (loss: number, share: number) => void

export interface Trainer extends AsyncDisposable {
  /** @param start is learned on. */
  begin(start: Parameters): State
  /** One pass over the rows in this order. Throws `invalid` TRAINING_DIVERGED. */
  learn(state: State, order: Uint32Array, heard: EpochHeard): Promise<void>
  /** Loss a row. Throws `invalid` TRAINING_DIVERGED. */
  judge(state: State, rows: Uint32Array): Promise<number>
}

export async function openTrainer(examples: Examples, options: LearningOptions): Promise<Trainer> {
  const step = await options.engine.open(stepGraph(options.graph))
  const judge = await options.engine.open(lossGraph(options.graph)).catch(async (error: unknown) => {
    await step.close()
    throw error
  })
  const work = { examples, step, options }
  return {
    begin: (start) => stateOf(examples, start),
    learn: (state, order, heard) => runSteps(work, state, { order, heard }),
    judge: (state, rows) => judgedLoss({ examples, state, options }, judge, rows),
    async [Symbol.asyncDispose]() {
      await Promise.all([step.close(), judge.close()])
    },
  }
}

function stateOf({ matrix }: Examples, { table, rest }: Parameters): State {
  const [m, v] = [new Float32Array(rest.length), new Float32Array(rest.length)]
  return { table, rest, m, v, bag: matrix.form === 'csr' ? bagOf(matrix, table) : undefined, steps: 0 }
}

interface Work {
  readonly examples: Examples
  readonly step: GraphSession
  readonly options: LearningOptions
}

interface Pass {
  readonly order: Uint32Array
  readonly heard: EpochHeard
}

async function runSteps(work: Work, state: State, { order, heard }: Pass): Promise<void> {
  const { batchSize, hooks } = work.options
  let total = 0
  for (let from = 0; from < order.length; from += batchSize) {
    throwIfStopped(hooks)
    const rows = order.subarray(from, Math.min(order.length, from + batchSize))
    const loss = await takeStep(work, state, rows)
    if (!Number.isFinite(loss)) throw diverged()
    total += loss * rows.length
    const seen = from + rows.length
    heard(total / seen, seen / order.length)
  }
}

const diverged = () =>
  fail('invalid', 'TRAINING_DIVERGED', 'The network diverged: lower learning_rate, or scale the features')

async function takeStep({ examples, step, options }: Work, state: State, rows: Uint32Array): Promise<number> {
  const { graph, settings } = options
  const t = ++state.steps
  const speed = {
    rate: (settings.learning_rate * Math.sqrt(1 - BETA2 ** t)) / (1 - BETA1 ** t),
    decay: settings.learning_rate * settings.weight_decay,
  }
  const feeds: Record<string, GraphTensor> = batchFeeds(examples, rows, state)
  if (graph.dropout) Object.assign(feeds, keeps(rows.length, options))
  const fetches = state.bag ? ['loss', 'slope'] : ['loss']
  if (state.rest.length > 0) {
    Object.assign(feeds, { m: vector(state.m), v: vector(state.v), rate: vector(Float32Array.of(speed.rate)) })
    if (graph.weightDecay) feeds.decay = vector(Float32Array.of(speed.decay))
    fetches.push('next', 'next_m', 'next_v')
  }
  const outputs = await step.run(feeds, fetches)
  const given = (name: string) => outputs[name]!.data as Float32Array
  if (state.rest.length > 0) {
    state.rest = given('next')
    state.m = given('next_m')
    state.v = given('next_v')
  }
  state.bag?.learn(rows, given('slope'), speed)
  return given('loss')[0]!
}

const vector = (data: Float32Array): GraphTensor => ({ type: 'float32', dims: [data.length], data })

function batchFeeds({ matrix, answers, weights }: Examples, rows: Uint32Array, { bag, rest }: State) {
  const dims = [rows.length, 1]
  const weight = Float32Array.from(rows, (row) => weights[row]! / rows.length)
  const y: GraphTensor =
    answers instanceof Int32Array
      ? { type: 'int32', dims, data: Int32Array.from(rows, (row) => answers[row]!) }
      : { type: 'float32', dims, data: Float32Array.from(rows, (row) => answers[row]!) }
  const x = bag ? bag.forward(rows) : rowsWithOne(matrix, rows)
  return {
    x: { type: 'float32', dims: [rows.length, x.length / rows.length], data: x } as const,
    y,
    weight: { type: 'float32', dims, data: weight } as const,
    ...(rest.length > 0 && { rest: vector(rest) }),
  }
}

/** Dense rows, each with a 1 behind it for the constants. */
function rowsWithOne({ values, cols }: Matrix, rows: Uint32Array): Float32Array {
  const width = cols + 1
  const data = new Float32Array(rows.length * width)
  for (let i = 0; i < rows.length; i++) {
    data.set(values.subarray(rows[i]! * cols, (rows[i]! + 1) * cols), i * width)
    data[(i + 1) * width - 1] = 1
  }
  return data
}

/** Kept outputs are enlarged by what the others lack, so that nothing changes when the network is asked. */
function keeps(rows: number, { graph, settings, random }: LearningOptions): Record<string, GraphTensor> {
  const { dropout } = settings
  const hidden = graph.shape.sizes.slice(1, -1)
  return Object.fromEntries(
    hidden.map((width, l) => {
      const data = new Float32Array(rows * width)
      for (let i = 0; i < data.length; i++) if (random.next() >= dropout) data[i] = 1 / (1 - dropout)
      return [`keep_${l}`, { type: 'float32', dims: [rows, width], data } as const]
    }),
  )
}

interface Judged {
  readonly examples: Examples
  readonly state: State
  readonly options: LearningOptions
}

async function judgedLoss({ examples, state, options }: Judged, session: GraphSession, judged: Uint32Array) {
  let sum = 0
  for (let from = 0; from < judged.length; from += JUDGED_ROWS) {
    throwIfStopped(options.hooks)
    const rows = judged.subarray(from, from + JUDGED_ROWS)
    const { loss } = await session.run(batchFeeds(examples, rows, state), ['loss'])
    sum += (loss!.data as Float32Array)[0]! * rows.length
  }
  if (!Number.isFinite(sum)) throw diverged()
  return sum / judged.length
}

const JUDGED_ROWS = 256
