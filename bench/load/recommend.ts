// What one recommendation costs as destinations grow, in the engine on one thread: the graph of the recommender (best leaves,
// reasons and all) beside the bare search it replaces, MatMul over every destination and TopK. Interleaved in one run.
//   node bench/load/recommend.ts [calls] [largest]
// Writes docs/images/cost-per-recommendation.svg, and bench/results/load-recommend.json: milliseconds a call (median and 95th percentile), their ratio, and how much of the
// true best ten is found. The factors are random: real ones lie in clusters, which a search by leaves finds more easily.
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import type { Recommender } from '../../src/ml/recommend/recommender.ts'
import { openSession } from '../../src/runtime/in-process.ts'
import { questionOf } from '../../src/travel/recommend/question.ts'
import { writePlot } from '../plot.ts'
import { writeResult } from '../result.ts'
import { recommenderOf, SIZE, servedGraph, USERS } from './travel/recommender.ts'

const CALLS = Number(process.argv[2] ?? 200)
const LARGEST = Number(process.argv[3] ?? 100_000)
const SIZES = [1000, 3000, 10_000, 30_000, 100_000, 300_000].filter((count) => count <= LARGEST)

function everything({ items, bias }: Recommender): Uint8Array {
  const graph = new GraphBuilder()
  const user = graph.input('factors', 'float32', [SIZE, 1])
  const table = graph.constant('items', { type: 'float32', dims: [bias.length, SIZE], data: items })
  const added = graph.constant('bias', { type: 'float32', dims: [bias.length, 1], data: bias })
  const scores = graph.node('Add', [graph.node('MatMul', [table, user]), added])
  const ten = graph.constant('ten', { type: 'int64', dims: [1], data: [10] })
  const [, best] = graph.nodes('TopK', [scores, ten], 2, { attributes: { axis: { int: 0 } } })
  graph.output('best', best!, 'int64', [10, 1])
  return graph.build({ name: 'everything' })
}

async function measure(items: number) {
  const recommender = recommenderOf(items)
  const [search, floor] = await Promise.all([
    openSession(servedGraph(recommender)),
    openSession(everything(recommender)),
  ])
  const times: { ours: number[]; floor: number[] } = { ours: [], floor: [] }
  let found = 0
  for (let call = 0; call < CALLS + 20; call++) {
    const user = call % USERS
    const factors = recommender.users.slice(user * SIZE, (user + 1) * SIZE)
    const t0 = performance.now()
    const answer = await search.run(questionOf({ user: `user${user}`, words: [], filter: 0, limit: 10 }))
    const t1 = performance.now()
    const exact = await floor.run({ factors: { type: 'float32', dims: [SIZE, 1], data: factors } })
    const t2 = performance.now()
    if (call < 20) continue
    times.ours.push(t1 - t0)
    times.floor.push(t2 - t1)
    const best = new Set(Array.from(exact.outputs.best!.data as BigInt64Array, String))
    found += (answer.outputs.item!.data as readonly string[]).filter((item) => best.has(item)).length / 10
  }
  await Promise.all([search.close(), floor.close()])
  const at = (list: number[], share: number) =>
    Number(list.sort((a, b) => a - b)[Math.floor(share * list.length)]!.toPrecision(3))
  const [median, bare] = [at(times.ours, 0.5), at(times.floor, 0.5)]
  return {
    median_ms: median,
    p95_ms: at(times.ours, 0.95),
    everything_median_ms: bare,
    everything_p95_ms: at(times.floor, 0.95),
    ratio: Number((median / bare).toPrecision(3)),
    found_of_best_ten: Number((found / CALLS).toPrecision(3)),
  }
}

const found = new Map<number, Awaited<ReturnType<typeof measure>>>()
for (const items of SIZES) found.set(items, await measure(items))
await writeResult(
  'load-recommend',
  Object.fromEntries([...found].map(([items, one]) => [`destinations_${items}`, one])),
)
await writePlot('cost-per-recommendation', {
  title: 'One recommendation, median milliseconds of the engine on one thread',
  x: 'destinations',
  y: 'ms',
  lines: [
    { name: 'best leaves (served)', points: [...found].map(([items, { median_ms }]) => [items, median_ms]) },
    { name: 'MatMul over all, TopK', points: [...found].map(([items, one]) => [items, one.everything_median_ms]) },
  ],
})
