// What the hop to a worker costs: one run through the runtime against a bare `session.run` in this thread, taken in turns
// so that both feel the same machine. Prints a table and writes bench/results/micro-runtime.json.
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node'
import { silentLog } from '../../src/core/log.ts'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import { type LoadedModel, openRuntime, type Tensors } from '../../src/runtime/index.ts'

const ROUNDS = 5
const CALLS = 2000
const WARM_UP = 300
const IN_FLIGHT = 16

interface Subject {
  readonly name: string
  readonly bytes: Uint8Array
  readonly feeds: Tensors
  readonly share: number
}

/** softmax(x · W): a linear classifier of `width` columns and `classes` classes. */
function linear(width: number, classes: number): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', width])
  const data = Float32Array.from({ length: width * classes }, (_, i) => Math.sin(i))
  const product = graph.node('MatMul', [x, graph.constant('w', { type: 'float32', dims: [width, classes], data })])
  graph.output('y', graph.node('Softmax', [product], { attributes: { axis: { int: -1 } } }), 'float32', ['N', classes])
  return graph.build({ name: 'linear' })
}

/** Numbers and categories as a served model gets them: one input per column. */
function columns(count: number): Uint8Array {
  const graph = new GraphBuilder()
  const parts = Array.from({ length: count }, (_, i) => {
    if (i % 3 > 0) return graph.input(`c${i}`, 'float32', ['N', 1])
    const attributes = { keys_strings: { strings: ['a', 'b', 'c'] }, values_floats: { floats: [1, 2, 3] } }
    const options = { domain: 'ai.onnx.ml', attributes } as const
    return graph.node('LabelEncoder', [graph.input(`c${i}`, 'string', ['N', 1])], options)
  })
  const row = graph.node('Concat', parts, { attributes: { axis: { int: 1 } } })
  const data = Float32Array.from({ length: count }, (_, i) => i)
  const w = graph.constant('w', { type: 'float32', dims: [count, 1], data })
  graph.output('y', graph.node('Sigmoid', [graph.node('MatMul', [row, w])]), 'float32', ['N', 1])
  return graph.build({ name: 'columns' })
}

const block = (rows: number, width: number) =>
  ({ type: 'float32', dims: [rows, width], data: new Float32Array(rows * width).fill(0.5) }) as const
const cell = (i: number) =>
  i % 3 > 0 ? block(1, 1) : ({ type: 'string', dims: [1, 1], data: ['abc'[i % 3]!] } as const)

const SUBJECTS: readonly Subject[] = [
  { name: '1 row × 30', bytes: linear(30, 3), feeds: { x: block(1, 30) }, share: 1 },
  {
    name: '1 row, 15 columns with strings',
    bytes: columns(15),
    feeds: Object.fromEntries(Array.from({ length: 15 }, (_, i) => [`c${i}`, cell(i)])),
    share: 1,
  },
  { name: '100 rows × 30', bytes: linear(30, 3), feeds: { x: block(100, 30) }, share: 1 },
  { name: '10000 rows × 30', bytes: linear(30, 3), feeds: { x: block(10_000, 30) }, share: 0.1 },
]

type Call = () => Promise<unknown>

interface Round {
  readonly plain: Float64Array
  readonly through: Float64Array
  /** Calls a second: bare, through the runtime. */
  readonly rates: readonly [number, number]
}

async function bareCall({ bytes, feeds }: Subject): Promise<Call> {
  const extra = { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } }
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1, extra })
  return () => {
    const native: Record<string, OrtTensor> = {}
    for (const [name, { type, data, dims }] of Object.entries(feeds)) {
      native[name] = new OrtTensor(type as 'float32', data as Float32Array, dims)
    }
    return session.run(native)
  }
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

/** Milliseconds per call of each subject, the calls taken in turns. */
async function inTurns(calls: readonly Call[], times: number): Promise<Float64Array[]> {
  const taken = calls.map(() => new Float64Array(times))
  for (let i = 0; i < times; i++) {
    for (const [which, call] of calls.entries()) {
      const started = performance.now()
      await call()
      taken[which]![i] = performance.now() - started
    }
  }
  return taken.map((times) => times.sort())
}

async function perSecond(call: Call, times: number): Promise<number> {
  const started = performance.now()
  let left = times
  const caller = async () => {
    while (left-- > 0) await call()
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller))
  return (times / (performance.now() - started)) * 1000
}

const spread = (values: readonly number[]) => {
  const sorted = Float64Array.from(values).sort()
  const [median, least, most] = [quantile(sorted, 0.5), sorted[0]!, sorted.at(-1)!]
  return { median: round(median), least: round(least), most: round(most) }
}
const round = (value: number) => Number(value.toPrecision(3))

async function measure(subject: Subject, model: LoadedModel) {
  const bare = await bareCall(subject)
  const hop = () => model.run(subject.feeds)
  const calls = Math.ceil(CALLS * subject.share)
  await inTurns([bare, hop], Math.ceil(WARM_UP * subject.share))
  const rounds: Round[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const [plain, through] = await inTurns([bare, hop], calls)
    const rates = [await perSecond(bare, calls), await perSecond(hop, calls)] as const
    rounds.push({ plain: plain!, through: through!, rates })
  }
  const at = (share: number) => ({
    bareMs: spread(rounds.map(({ plain }) => quantile(plain, share))),
    addedMs: spread(rounds.map(({ plain, through }) => quantile(through, share) - quantile(plain, share))),
    ratio: spread(rounds.map(({ plain, through }) => quantile(through, share) / quantile(plain, share))),
  })
  const throughputRatio = spread(rounds.map(({ rates }) => rates[1] / rates[0]))
  return { subject: subject.name, p50: at(0.5), p99: at(0.99), throughputRatio }
}

const workers = Math.max(1, availableParallelism() - 1)
const runtime = openRuntime({ workers, maxQueue: 1000, enableGpu: false, log: silentLog })
const results = []
for (const [i, subject] of SUBJECTS.entries()) {
  const model = await runtime.load({ key: `${i}`, bytes: subject.bytes, warmUp: subject.feeds })
  const result = await measure(subject, model)
  await model.release()
  results.push(result)
  const { p50, p99, throughputRatio } = result
  const word = ({ median, least, most }: { median: number; least: number; most: number }) =>
    `${median} (${least}–${most})`
  process.stdout.write(
    `${subject.name}\n  p50: bare ${word(p50.bareMs)} ms, added ${word(p50.addedMs)} ms, ratio ${word(p50.ratio)}\n` +
      `  p99: bare ${word(p99.bareMs)} ms, added ${word(p99.addedMs)} ms, ratio ${word(p99.ratio)}\n` +
      `  throughput at ${IN_FLIGHT} in flight, runtime/bare: ${word(throughputRatio)}\n`,
  )
}
await runtime.close()
const machine = { cpu: cpus()[0]?.model, cores: availableParallelism(), node: process.version }
const folder = new URL('../results/', import.meta.url)
mkdirSync(folder, { recursive: true })
const report = { machine, workers, rounds: ROUNDS, callsPerRound: CALLS, inFlight: IN_FLIGHT, results }
writeFileSync(new URL('micro-runtime.json', folder), `${JSON.stringify(report, null, 2)}\n`)
