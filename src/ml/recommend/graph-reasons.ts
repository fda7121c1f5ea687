// The nodes that say what each score is made of, and the outputs.
import type { Value } from '../onnx/graph.ts'
import { type Asker, type Drawing, NEVER } from './graph.ts'
import { type Found, flat, integers } from './graph-search.ts'
import { TAGS } from './graph-tables.ts'

export function addReasons(drawing: Drawing, asker: Asker, found: Found): void {
  const { graph, tables } = drawing
  const across = graph.node('Transpose', [found.vectors], { hint: 'found_across' })
  const none = graph.node('Mul', [found.raw, scalar(drawing, 0)])
  graph.output('item', graph.node('Gather', [tables.ids, found.slots]), 'string', ['K'])
  graph.output('title', graph.node('Gather', [tables.titles, found.slots]), 'string', ['K'])
  graph.output('raw', found.raw, 'float32', ['K'])
  graph.output('score', addScaled(drawing, asker, found), 'float32', ['K'])
  graph.output('personal', flat(graph, graph.node('MatMul', [asker.own, across])), 'float32', ['K'])
  graph.output('popular', graph.node('Gather', [tables.bias, found.slots]), 'float32', ['K'])
  graph.output('neighbours', found.neighbours ?? none, 'float32', ['K'])
  graph.output('by_word', graph.node('MatMul', [asker.words, across]), 'float32', ['T', 'K'])
  graph.output('because', addBecause(drawing, found, across), 'string', ['K'])
  graph.output('tags', graph.node('Gather', [tables.tags, found.slots]), 'int32', ['K', TAGS])
  graph.output('trust', asker.trust, 'float32', [1])
}

/** The share of the way from the average item of who asks. */
function addScaled(drawing: Drawing, asker: Asker, { raw, liked, likedWeights }: Found): Value {
  const { graph, parts, tables } = drawing
  const { factors, bias } = tables.average
  const plain = graph.node('Add', [flat(graph, graph.node('MatMul', [asker.factors, factors])), bias])
  const moved = graph.node('Sub', [raw, tables.neighbours ? withSaid(tables.neighbours.average) : plain])

  function withSaid(average: Value): Value {
    const said = graph.node('Mul', [graph.node('Gather', [average, liked]), likedWeights])
    const sum = graph.node('ReduceSum', [said, integers(graph, [0])], { attributes: { keepdims: { int: 1 } } })
    return graph.node('Add', [plain, sum])
  }
  return graph.node('Sigmoid', [graph.node('Div', [moved, scalar(drawing, parts.scale.spread)])])
}

/** Of the user's items the one that is most like it, by neighbourhood where there is one, else by factors. */
function addBecause(drawing: Drawing, found: Found, across: Value): Value {
  const { graph, tables } = drawing
  const support = found.around ? byNeighbours(drawing, found.around, found.slots) : byFactors(drawing, found, across)
  const others = withoutItself(drawing, found, support)
  const most = graph.node('ArgMax', [others], { attributes: { axis: { int: 0 }, keepdims: { int: 0 } } })
  return graph.node('Gather', [tables.titles, graph.node('Gather', [found.liked, most])])
}

/**
 * The cosine, and how dear the user's item is by its fourth root: by inner products and weights in full one booked item was named for
 * all ten (decision 049). [LIKED, K]
 */
function byFactors(drawing: Drawing, { liked, likedWeights }: Found, across: Value): Value {
  const { graph, tables } = drawing
  const dear = graph.node('Pow', [likedWeights, scalar(drawing, 0.25)])
  const each = graph.node('Div', [dear, graph.node('Gather', [tables.norms, liked])])
  const products = graph.node('MatMul', [graph.node('Gather', [tables.items, liked]), across])
  return graph.node('Mul', [products, graph.node('Unsqueeze', [each, integers(graph, [1])])])
}

/** What was looked at already and is recommended again speaks not for itself. */
function withoutItself(drawing: Drawing, { liked, slots }: Found, support: Value): Value {
  const { graph } = drawing
  const wide = graph.node('Cast', [liked], { attributes: { to: { int: 7 } } })
  const itself = graph.node('Equal', [graph.node('Unsqueeze', [wide, integers(graph, [1])]), slots])
  return graph.node('Where', [itself, scalar(drawing, NEVER), support])
}

/** [LIKED, K] */
function byNeighbours({ graph }: Drawing, { slots, values }: NonNullable<Found['around']>, found: Value): Value {
  const wide = graph.node('Cast', [slots], { attributes: { to: { int: 7 } } })
  const same = graph.node('Equal', [graph.node('Unsqueeze', [wide, integers(graph, [2])]), found])
  const counted = graph.node('Cast', [same], { attributes: { to: { int: 1 } } })
  const said = graph.node('Mul', [counted, graph.node('Unsqueeze', [values, integers(graph, [2])])])
  return graph.node('ReduceSum', [said, integers(graph, [1])], { attributes: { keepdims: { int: 0 } } })
}

function scalar({ graph }: Drawing, value: number): Value {
  return graph.constant('scalar', { type: 'float32', dims: [1], data: Float32Array.of(value) })
}
