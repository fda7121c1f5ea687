// One row through a boosted model of 200 trees of depth 6 in ONNX Runtime, called bare in this thread, beside the same graph with
// a single small tree and a graph that only hands its input on: what the trees cost, and what any call costs. The greatest difference between the graph's probabilities
// and the learner's own, and the number of different labels, over 100,000 rows stand beside it.
//   node bench/micro/trees-row.ts    Writes bench/results/micro-trees-row.json; times are microseconds of the processor.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import type { FittedModel } from '../../src/ml/learn/learner.ts'
import { fitBoosting } from '../../src/ml/learn/trees/gradient-boosting.ts'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import { spread, writeResult } from '../result.ts'
import { WIDTH, writeTable } from './trees-data.ts'

const TRAIN_ROWS = 50_000
const TEST_ROWS = 100_000
const ROUNDS = 60
const CALLS = 500
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
  const target = { task: 'classification', dtype: 'integer', labels: train.labels, classes: ['0', '1'] } as const
  const shape = { learning_rate: 0.1, max_depth: 6, max_leaves: 64 }
  const fitted = (hyperparameters: object) =>
    fitBoosting({ matrix: train.matrix, target, hyperparameters: { ...shape, ...hyperparameters } })
  const model = await fitted({ n_estimators: 200 })
  const stump = await fitted({ n_estimators: 1, max_depth: 1 })
  const graphOf = ({ write }: FittedModel) => {
    const graph = new GraphBuilder()
    write(graph, graph.input('features', 'float32', ['N', WIDTH]))
    return graph
  }
  const nothing = new GraphBuilder()
  nothing.output('same', nothing.node('Identity', [nothing.input('features', 'float32', ['N', WIDTH])]), 'float32', [
    'N',
    WIDTH,
  ])
  const [trees, one, floor] = [await open(graphOf(model)), await open(graphOf(stump)), await open(nothing)]
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
  const turns: { all: number; one: number; call: number }[] = []
  // The first round warms all up and is not counted.
  for (let round = 0; round <= ROUNDS; round++) {
    const { values } = test.matrix
    const turn = { all: await timed(trees, values), one: await timed(one, values), call: await timed(floor, values) }
    if (round > 0) turns.push(turn)
  }
  await writeResult('micro-trees-row', {
    machine: { cpu: cpus()[0]?.model ?? 'unknown', node: process.version, rounds: ROUNDS, calls: CALLS },
    whole_call_us: spread(turns.map(({ all }) => all)),
    call_of_one_small_tree_us: spread(turns.map((turn) => turn.one)),
    call_of_nothing_us: spread(turns.map(({ call }) => call)),
    trees_us: spread(turns.map((turn) => turn.all - turn.one)),
    greatest_difference_of_probabilities: difference,
    different_labels: labels,
  })
} finally {
  await rm(folder, { recursive: true, force: true })
}
