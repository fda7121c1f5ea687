// One row through a boosted model of 200 trees of depth 6 in ONNX Runtime, called bare in this thread, beside a graph that only
// hands its inputs on: what the trees cost, and what any call costs. The greatest difference between the graph's probabilities
// and the learner's own, and the number of different labels, over 100,000 rows stand beside it.
//   node bench/micro/trees-row.ts    Writes bench/results/micro-trees-row.json; times are microseconds of the processor.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { fitBoosting } from '../../src/ml/learn/trees/gradient-boosting.ts'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import { spread, writeResult } from '../result.ts'
import { WIDTH, writeTable } from './trees-data.ts'

const TRAIN_ROWS = 50_000
const TEST_ROWS = 100_000
const ROUNDS = 15
const CALLS = 2000
const CHUNK = 10_000

async function table(folder: string, rows: number, seed: number) {
  await writeTable(folder, 'rows', { rows, seed })
  const { buffer } = await readFile(join(folder, 'rows.values'))
  const labels = Int32Array.from(await readFile(join(folder, 'rows.labels')))
  return { matrix: { form: 'dense' as const, rows, cols: WIDTH, values: new Float32Array(buffer) }, labels }
}

const open = (graph: GraphBuilder) =>
  InferenceSession.create(graph.build({ name: 'row' }), {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  })

/** Microseconds of one call, of the processor: a busy machine stretches the clock. The run happens in this thread. */
async function timed(session: InferenceSession, rows: Float32Array): Promise<number> {
  const started = process.cpuUsage()
  for (let call = 0; call < CALLS; call++) {
    const row = rows.subarray((call % TEST_ROWS) * WIDTH, ((call % TEST_ROWS) + 1) * WIDTH)
    await session.run({ features: new Tensor('float32', row, [1, WIDTH]) })
  }
  const { user, system } = process.cpuUsage(started)
  return (user + system) / CALLS
}

const folder = await mkdtemp(join(tmpdir(), 'trees-row-'))
try {
  const train = await table(folder, TRAIN_ROWS, 1)
  const test = await table(folder, TEST_ROWS, 99)
  const model = await fitBoosting({
    matrix: train.matrix,
    target: { task: 'classification', dtype: 'integer', labels: train.labels, classes: ['0', '1'] },
    hyperparameters: { n_estimators: 200, learning_rate: 0.1, max_depth: 6, max_leaves: 64 },
  })
  const graph = new GraphBuilder()
  model.write(graph, graph.input('features', 'float32', ['N', WIDTH]))
  const nothing = new GraphBuilder()
  nothing.output('same', nothing.node('Identity', [nothing.input('features', 'float32', ['N', WIDTH])]), 'float32', [
    'N',
    WIDTH,
  ])
  const [trees, floor] = [await open(graph), await open(nothing)]
  const own = model.predict(test.matrix).values
  let [difference, labels] = [0, 0]
  for (let from = 0; from < TEST_ROWS; from += CHUNK) {
    const rows = test.matrix.values.subarray(from * WIDTH, (from + CHUNK) * WIDTH)
    const answer = await trees.run({ features: new Tensor('float32', rows, [CHUNK, WIDTH]) })
    const [found, label] = [answer.probabilities!.data as Float32Array, answer.label!.data as BigInt64Array]
    for (let i = 0; i < found.length; i++) difference = Math.max(difference, Math.abs(found[i]! - own[2 * from + i]!))
    for (let row = 0; row < CHUNK; row++) {
      const at = 2 * (from + row)
      if (Number(label[row]) !== Number(own[at + 1]! > own[at]!)) labels++
    }
  }
  const pairs: { all: number; call: number }[] = []
  // The first round warms both up and is not counted.
  for (let round = 0; round <= ROUNDS; round++) {
    const pair = { all: await timed(trees, test.matrix.values), call: await timed(floor, test.matrix.values) }
    if (round > 0) pairs.push(pair)
  }
  await writeResult('micro-trees-row', {
    machine: { cpu: cpus()[0]?.model ?? 'unknown', node: process.version, rounds: ROUNDS, calls: CALLS },
    whole_call_us: spread(pairs.map(({ all }) => all)),
    call_without_trees_us: spread(pairs.map(({ call }) => call)),
    trees_us: spread(pairs.map(({ all, call }) => all - call)),
    greatest_difference_of_probabilities: difference,
    different_labels: labels,
  })
} finally {
  await rm(folder, { recursive: true, force: true })
}
