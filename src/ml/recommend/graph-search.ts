// The nodes that find the best items: the best leaves (where there are leaves), every item in them, the neighbours of what the
// user likes; then the exact scores of all of these, without what is filtered out or known already.
import type { GraphBuilder, Value } from '../onnx/graph.ts'
import { type Asker, type Drawing, NEVER } from './graph.ts'

/** Leaves that are looked into. */
const LEAVES = 64

export interface Asked {
  readonly filter: Value
  readonly limit: Value
}

/** The K best. */
export interface Found {
  /** int64 [K] */
  readonly slots: Value
  readonly raw: Value
  /** [K, size] */
  readonly vectors: Value
  /** float [K]; absent without neighbours. */
  readonly neighbours?: Value
  /** int32 [LIKED, width] of the user's items; absent without neighbours. */
  readonly around?: { readonly slots: Value; readonly values: Value }
  /** int32 [LIKED] */
  readonly liked: Value
  /** float [LIKED] */
  readonly likedWeights: Value
}

export function addSearch(drawing: Drawing, asker: Asker, asked: Asked): Found {
  const { graph, tables } = drawing
  const column = graph.node('Transpose', [asker.factors], { hint: 'asker_column' })
  const bit = bitOf(graph, asked.filter)
  const first = addFirst(drawing, column, { ...asked, bit })
  const liked = flat(graph, graph.node('Gather', [tables.liked, asker.index]))
  const likedWeights = flat(graph, graph.node('Gather', [tables.likedWeights, asker.index]))
  const joined = addNeighbours(drawing, first, { liked, likedWeights })
  const vectors = graph.node('Gather', [tables.items, joined.slots])
  const plain = addScore(drawing, { slots: joined.slots, vectors, column, bit })
  const scored = joined.sums ? graph.node('Add', [plain, joined.sums]) : plain
  const fresh = withoutConsumed(drawing, asker, { slots: joined.slots, scores: scored })
  const [raw, order] = topOf(graph, fresh, asked.limit)
  return {
    slots: graph.node('Gather', [joined.slots, order!], { hint: 'found' }),
    raw: raw!,
    vectors: graph.node('Gather', [vectors, order!], { hint: 'found_vectors' }),
    ...(joined.sums && { neighbours: graph.node('Gather', [joined.sums, order!]) }),
    ...(joined.around && { around: joined.around }),
    liked,
    likedWeights,
  }
}

interface Filtered extends Asked {
  /** int32 [1] */
  readonly bit: Value
}

/** Slots worth a closer look, int64: the best by factors and bias, as many as may be asked for or be known already. */
function addFirst(drawing: Drawing, column: Value, { filter, limit, bit }: Filtered): Value {
  const { graph, tables } = drawing
  const { leaves } = tables.slots
  const enough = graph.node('Add', [limit, integers(graph, [tables.consumedWidth])], { hint: 'enough' })
  if (!leaves) {
    const scores = addScore(drawing, { vectors: tables.items, column, bit })
    return topOf(graph, scores, enough)[1]!
  }
  const centres = graph.constant('centres', {
    type: 'float32',
    dims: [leaves.count, tables.slots.leaves!.centres.length / leaves.count],
    data: leaves.centres,
  })
  const bias = graph.constant('centre_bias', { type: 'float32', dims: [leaves.count], data: leaves.bias })
  const closed = graph.node('Gather', [closedLeaves(drawing), filter])
  const raw = graph.node('Add', [flat(graph, graph.node('MatMul', [centres, column])), bias])
  const open = graph.node('Add', [raw, flat(graph, closed)], { hint: 'leaf_scores' })
  const best = topOf(graph, open, integers(graph, [LEAVES]))[1]!
  const scores = addLeafScores(drawing, best, { column, bit })
  const order = topOf(graph, scores, enough)[1]!
  // Places in the leaves looked into, back to slots.
  const width = integers(graph, [leaves.width])
  const leaf = graph.node('Gather', [best, graph.node('Div', [order, width])])
  return graph.node('Add', [graph.node('Mul', [leaf, width]), graph.node('Mod', [order, width])], { hint: 'first' })
}

/** Scores of all items of some leaves, one leaf behind the other. Rows of a leaf lie together and are copied as one. */
function addLeafScores(
  { graph, tables }: Drawing,
  best: Value,
  { column, bit }: Omit<Scored, 'slots' | 'vectors'>,
): Value {
  const { width } = tables.slots.leaves!
  const ofLeaves = (table: Value, shape: readonly number[]) =>
    graph.node('Gather', [graph.node('Reshape', [table, integers(graph, shape)]), best])
  const vectors = graph.node('Reshape', [
    ofLeaves(tables.items, [-1, width * tables.size]),
    integers(graph, [-1, tables.size]),
  ])
  const of = (table: Value) => flat(graph, ofLeaves(table, [-1, width]))
  return addPassing({ graph }, { vectors, column, bit, bias: of(tables.bias), passes: of(tables.passes) })
}

/** Filters × leaves: 0, or NEVER where no item of the leaf passes. */
function closedLeaves({ graph, parts, tables }: Drawing): Value {
  const { leaves, items } = tables.slots
  const filters = 31
  const data = new Float32Array(filters * leaves!.count).fill(NEVER)
  for (const [slot, item] of items.entries()) {
    if (item < 0) continue
    const leaf = Math.floor(slot / leaves!.width)
    for (let filter = 0; filter < filters; filter++) {
      if ((parts.passes[item]! >> filter) & 1) data[filter * leaves!.count + leaf] = 0
    }
  }
  return graph.constant('closed_leaves', { type: 'float32', dims: [filters, leaves!.count], data })
}

interface Scored {
  /** Default: every slot. */
  readonly slots?: Value
  readonly vectors: Value
  readonly column: Value
  readonly bit: Value
}

/** float [M]: factors and bias; NEVER for what does not pass. */
function addScore({ graph, tables }: Drawing, { slots, ...rest }: Scored): Value {
  const of = (table: Value) => (slots ? graph.node('Gather', [table, slots]) : table)
  return addPassing({ graph }, { ...rest, bias: of(tables.bias), passes: of(tables.passes) })
}

interface Passing extends Omit<Scored, 'slots'> {
  /** float [M] */
  readonly bias: Value
  /** int32 [M] */
  readonly passes: Value
}

function addPassing({ graph }: Pick<Drawing, 'graph'>, { vectors, column, bit, bias, passes }: Passing): Value {
  const scores = graph.node('Add', [flat(graph, graph.node('MatMul', [vectors, column])), bias])
  const passed = graph.node('BitwiseAnd', [passes, bit])
  const zero = graph.constant('no_bit', { type: 'int32', dims: [1], data: Int32Array.of(0) })
  return graph.node('Where', [graph.node('Equal', [passed, zero]), never(graph), scores])
}

interface Likes {
  readonly liked: Value
  readonly likedWeights: Value
}

/** `slots` and those the neighbours of the liked items add, each once, with the sum of what the neighbours say. */
function addNeighbours({ graph, tables }: Drawing, slots: Value, { liked, likedWeights }: Likes) {
  if (!tables.neighbours) return { slots }
  const around = graph.node('Gather', [tables.neighbours.slots, liked], { hint: 'around' })
  const weights = graph.node('Unsqueeze', [likedWeights, integers(graph, [1])])
  const values = graph.node('Mul', [graph.node('Gather', [tables.neighbours.similarities, liked]), weights])
  const wide = graph.node('Cast', [flat(graph, around)], { attributes: { to: { int: 7 } } })
  const all = graph.node('Concat', [slots, wide], { attributes: { axis: { int: 0 } } })
  const nothing = graph.node('Expand', [floats(graph, [0]), graph.node('Shape', [slots])])
  const said = graph.node('Concat', [nothing, flat(graph, values)], { attributes: { axis: { int: 0 } } })
  const [once, , inverse] = graph.nodes('Unique', [all], 3, { attributes: { sorted: { int: 1 } }, hint: 'once' })
  const zeros = graph.node('Expand', [floats(graph, [0]), graph.node('Shape', [once!])])
  const sums = graph.node('ScatterElements', [zeros, inverse!, said], {
    attributes: { axis: { int: 0 }, reduction: { string: 'add' } },
    hint: 'neighbour_sums',
  })
  return { slots: once!, sums, around: { slots: around, values } }
}

interface Candidates {
  readonly slots: Value
  readonly scores: Value
}

function withoutConsumed({ graph, tables }: Drawing, asker: Asker, { slots, scores }: Candidates): Value {
  const own = graph.node('Gather', [tables.consumed, asker.index])
  const wide = graph.node('Cast', [own], { attributes: { to: { int: 7 } } })
  const same = graph.node('Equal', [graph.node('Unsqueeze', [slots, integers(graph, [1])]), wide])
  const counted = graph.node('Cast', [same], { attributes: { to: { int: 1 } } })
  const hits = graph.node('ReduceMax', [counted, integers(graph, [1])], { attributes: { keepdims: { int: 0 } } })
  const known = graph.node('Cast', [hits], { attributes: { to: { int: 9 } } })
  return graph.node('Where', [known, never(graph), scores], { hint: 'fresh' })
}

/** Values and positions of the `limit` highest, or of all where there are fewer. */
function topOf(graph: GraphBuilder, scores: Value, limit: Value): Value[] {
  const count = graph.node('Min', [limit, graph.node('Shape', [scores])])
  return graph.nodes('TopK', [scores, count], 2, { attributes: { axis: { int: 0 } }, hint: 'top' })
}

function bitOf(graph: GraphBuilder, filter: Value): Value {
  const data = Int32Array.from({ length: 31 }, (_, at) => 1 << at)
  return graph.node('Gather', [graph.constant('bits', { type: 'int32', dims: [31], data }), filter], { hint: 'bit' })
}

export function flat(graph: GraphBuilder, value: Value): Value {
  return graph.node('Reshape', [value, integers(graph, [-1])], { hint: 'flat' })
}

export function integers(graph: GraphBuilder, data: readonly number[]): Value {
  return graph.constant('integers', { type: 'int64', dims: [data.length], data })
}

function floats(graph: GraphBuilder, data: readonly number[]): Value {
  return graph.constant('floats', { type: 'float32', dims: [data.length], data: Float32Array.from(data) })
}

function never(graph: GraphBuilder): Value {
  return floats(graph, [NEVER])
}
