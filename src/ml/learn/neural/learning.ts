// The loop over epochs and steps. All arithmetic is in the graphs; here is only what they are fed, in which order, when it
// is enough, and which weights are kept. Between two steps the event loop is free, so a stop is heard within one step.
import { fail } from '../../../core/failure.ts'
import { type Random, shuffle } from '../../../core/random.ts'
import type { GraphEngine, GraphSession, GraphTensor } from '../../engine.ts'
import type { Matrix } from '../../matrix.ts'
import { type LearningHooks, throwIfStopped } from '../learner.ts'
import { type Bag, bagOf } from './bag.ts'
import { BETA1, BETA2, type GraphOptions, lossGraph, stepGraph } from './graph.ts'
import type { Parameters } from './network.ts'
import type { NeuralSettings } from './settings.ts'

export interface Lesson {
  readonly matrix: Matrix
  /** int32 classes, or float32 standardised values. */
  readonly answers: Int32Array | Float32Array
  /** One for each row, 1 on average. */
  readonly weights: Float32Array
  /** Rows to learn from, and rows to judge on (none: every epoch is run). */
  readonly learn: Uint32Array
  readonly judge: Uint32Array
}

export interface LearningOptions {
  readonly graph: GraphOptions
  readonly settings: NeuralSettings
  readonly batchSize: number
  readonly engine: GraphEngine
  readonly random: Random
  readonly hooks: LearningHooks
}

export interface Learned {
  readonly parameters: Parameters
  readonly epochs: number
  /** Stopped because the judged loss fell no more. */
  readonly stoppedEarly: boolean
}

/** @param start is learned on and becomes the result. */
export async function learn(lesson: Lesson, start: Parameters, options: LearningOptions): Promise<Learned> {
  const step = await options.engine.open(stepGraph(options.graph))
  try {
    const judge = lesson.judge.length > 0 ? await options.engine.open(lossGraph(options.graph)) : undefined
    try {
      return await runEpochs({ lesson, state: stateOf(lesson, start), step, judge, options })
    } finally {
      await judge?.close()
    }
  } finally {
    await step.close()
  }
}

interface State {
  readonly table: Float32Array
  /** Works on `table`. */
  readonly bag: Bag | undefined
  rest: Float32Array
  m: Float32Array
  v: Float32Array
  steps: number
}

function stateOf({ matrix }: Lesson, { table, rest }: Parameters): State {
  const [m, v] = [new Float32Array(rest.length), new Float32Array(rest.length)]
  return { table, rest, m, v, bag: matrix.form === 'csr' ? bagOf(matrix, table) : undefined, steps: 0 }
}

interface Run {
  readonly lesson: Lesson
  readonly state: State
  readonly step: GraphSession
  readonly judge: GraphSession | undefined
  readonly options: LearningOptions
}

async function runEpochs(run: Run): Promise<Learned> {
  const { lesson, state, judge, options } = run
  const { epochs, early_stopping: patience } = options.settings
  const order = Uint32Array.from(lesson.learn)
  let best = { parameters: copyOf(state), loss: Number.POSITIVE_INFINITY, epoch: 0 }
  for (let epoch = 1; epoch <= epochs; epoch++) {
    shuffle(order, options.random)
    await runSteps(run, order, epoch)
    if (!judge) continue
    const loss = await judgedLoss(run, judge)
    if (loss < best.loss) best = { parameters: copyOf(state), loss, epoch }
    else if (epoch - best.epoch >= patience) return { parameters: best.parameters, epochs: epoch, stoppedEarly: true }
  }
  return { parameters: judge ? best.parameters : state, epochs, stoppedEarly: false }
}

async function runSteps(run: Run, order: Uint32Array, epoch: number): Promise<void> {
  const { batchSize, hooks, settings } = run.options
  let total = 0
  for (let from = 0; from < order.length; from += batchSize) {
    throwIfStopped(hooks)
    const rows = order.subarray(from, Math.min(order.length, from + batchSize))
    const loss = await takeStep(run, rows)
    if (!Number.isFinite(loss)) throw diverged()
    total += loss * rows.length
    const seen = from + rows.length
    const done = (epoch - 1 + seen / order.length) / settings.epochs
    hooks.onProgress?.({ iteration: epoch, loss: total / seen, done })
  }
}

const diverged = () =>
  fail('invalid', 'TRAINING_DIVERGED', 'The network diverged: lower learning_rate, or scale the features')

async function takeStep({ lesson, state, step, options }: Run, rows: Uint32Array): Promise<number> {
  const { graph, settings } = options
  const t = ++state.steps
  const speed = {
    rate: (settings.learning_rate * Math.sqrt(1 - BETA2 ** t)) / (1 - BETA1 ** t),
    decay: settings.learning_rate * settings.weight_decay,
  }
  const feeds: Record<string, GraphTensor> = batchFeeds(lesson, rows, state)
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

function batchFeeds({ matrix, answers, weights }: Lesson, rows: Uint32Array, { bag, rest }: State) {
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

async function judgedLoss({ lesson, state, options }: Run, session: GraphSession): Promise<number> {
  let sum = 0
  for (let from = 0; from < lesson.judge.length; from += JUDGED_ROWS) {
    throwIfStopped(options.hooks)
    const rows = lesson.judge.subarray(from, from + JUDGED_ROWS)
    const { loss } = await session.run(batchFeeds(lesson, rows, state), ['loss'])
    sum += (loss!.data as Float32Array)[0]! * rows.length
  }
  if (!Number.isFinite(sum)) throw diverged()
  return sum
}

const JUDGED_ROWS = 256

const copyOf = ({ table, rest }: Parameters): Parameters => ({ table: table.slice(), rest: rest.slice() })
