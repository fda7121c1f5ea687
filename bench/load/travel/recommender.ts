// A recommender of random factors: what it costs to search it is what a learned one costs, without learning 100,000 destinations.
import { seededRandom } from '../../../src/core/random.ts'
import { fromRows } from '../../../src/ml/recommend/feedback.ts'
import { recommenderGraph } from '../../../src/ml/recommend/graph.ts'
import type { Recommender } from '../../../src/ml/recommend/recommender.ts'

export const SIZE = 16
export const USERS = 500

export function recommenderOf(items: number): Recommender {
  const random = seededRandom(items)
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal())
  return {
    size: SIZE,
    users: normals(USERS * SIZE),
    trust: new Float32Array(USERS).fill(1),
    tokens: new Float32Array(SIZE),
    items: normals(items * SIZE),
    bias: Float32Array.from({ length: items }, () => random.next()),
  }
}

const names = (name: string, count: number) => Array.from({ length: count }, (_, at) => `${name}${at}`)
const rowsOf = (rows: number, columns: number) => fromRows(Array(rows).fill([]), columns)

/** The graph that is served: best leaves, reasons and all. Users are `user0`, `user1`, … */
export function servedGraph(recommender: Recommender): Uint8Array {
  const items = recommender.bias.length
  const preferences = rowsOf(USERS, items)
  return recommenderGraph({
    recommender,
    preferences,
    consumed: preferences,
    userIds: names('user', USERS),
    itemIds: names('', items),
    titles: names('Destination ', items),
    userTokens: ['interest:art'],
    itemTokens: rowsOf(items, 1),
    passes: new Int32Array(items).fill(0xffff),
    scale: { spread: 1 },
  })
}
