// The recommender as an ONNX graph: user, words and filters in; items, scores and what the scores are made of out. Everything
// that was learnt is inside, the names of the items included, so that whatever runs the file recommends the same.
import { GraphBuilder, type Value } from '../onnx/graph.ts'
import type { SparseMatrix } from './feedback.ts'
import { addReasons } from './graph-reasons.ts'
import { addSearch } from './graph-search.ts'
import { addTables, type Tables } from './graph-tables.ts'
import type { Recommender } from './recommender.ts'

export interface GraphParts {
  readonly recommender: Recommender
  /** Users × items: what they did, by weight. */
  readonly preferences: SparseMatrix
  /** Users × items: what is not to be recommended again. */
  readonly consumed: SparseMatrix
  /** By number. */
  readonly userIds: readonly string[]
  readonly itemIds: readonly string[]
  readonly titles: readonly string[]
  readonly userTokens: readonly string[]
  readonly itemTokens: SparseMatrix
  /** Items: a bit for each filter (0 to 30) the item passes. */
  readonly passes: Int32Array
  /** By what scores are brought to 0 … 1. */
  readonly scale: Scale
}

export interface Scale {
  /** How far scores usually lie from the average of who asks. */
  readonly spread: number
}

/** What a graph with such a score is: never shown. */
export const NEVER = -1e30

export interface Drawing {
  readonly graph: GraphBuilder
  readonly parts: GraphParts
  readonly tables: Tables
}

/** Who asks, as the graph knows them. */
export interface Asker {
  /** [1, size]: what their behaviour says, by trust. */
  readonly own: Value
  /** [T, size]: what each word says, by the rest of the trust. */
  readonly words: Value
  /** [1, size]: all of it. */
  readonly factors: Value
  /** [1] */
  readonly trust: Value
  /** [1]: their number; the one behind the last for unknown ones. */
  readonly index: Value
}

/**
 * Inputs: `user` string [1], `words` string [T], `filter` int64 [1] (number of the bit; 0 is passed by all), `limit` int64 [1].
 * Outputs, K of them at most `limit`, best first: `item` and `title` string [K], `raw` and `score` float [K] (raw below -1e29:
 * not to be shown), the parts of raw `personal`, `popular`, `neighbours` float [K] and `by_word` float [T, K], `because`
 * string [K] (the item of the user's that speaks most for it, '' for none), `tags` int32 [K, 8], `trust` float [1].
 */
export function recommenderGraph(parts: GraphParts): Uint8Array {
  const graph = new GraphBuilder()
  const user = graph.input('user', 'string', [1])
  const words = graph.input('words', 'string', ['T'])
  const filter = graph.input('filter', 'int64', [1])
  const limit = graph.input('limit', 'int64', [1])
  const tables = addTables(graph, parts)
  const drawing = { graph, parts, tables }
  const asker = addAsker(drawing, user, words)
  const found = addSearch(drawing, asker, { filter, limit })
  addReasons(drawing, asker, found)
  return graph.build({ name: 'recommender' })
}

function addAsker({ graph, parts, tables }: Drawing, user: Value, words: Value): Asker {
  const index = lookUp(graph, user, parts.userIds)
  const trust = graph.node('Gather', [tables.trust, index], { hint: 'trust_of' })
  const one = graph.constant('one', { type: 'float32', dims: [1], data: Float32Array.of(1) })
  const rest = graph.node('Sub', [one, trust], { hint: 'rest' })
  const own = graph.node('Mul', [graph.node('Gather', [tables.users, index]), trust], { hint: 'own' })
  const tokens = graph.node('Gather', [tables.tokens, lookUp(graph, words, parts.userTokens)])
  const said = graph.node('Mul', [tokens, rest], { hint: 'said' })
  const axis = graph.constant('rows', { type: 'int64', dims: [1], data: [0] })
  const sum = graph.node('ReduceSum', [said, axis], { attributes: { keepdims: { int: 1 } } })
  return { own, words: said, factors: graph.node('Add', [own, sum], { hint: 'asker' }), trust, index }
}

/** The number of each text; texts nobody knows get the number behind the last. */
function lookUp(graph: GraphBuilder, texts: Value, known: readonly string[]): Value {
  // The encoder wants at least one key; nothing is called so.
  const keys = known.length > 0 ? known : ['\u0000']
  return graph.node('LabelEncoder', [texts], {
    domain: 'ai.onnx.ml',
    attributes: {
      keys_strings: { strings: keys },
      values_int64s: { ints: keys.map((_, at) => (known.length > 0 ? at : 0)) },
      default_int64: { int: known.length },
    },
  })
}
