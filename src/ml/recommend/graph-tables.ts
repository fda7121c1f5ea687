// What was learnt, as constants of the graph. Tables by user have a last row for everybody unknown, tables by item a last row
// for no item.
import type { GraphBuilder, Value } from '../onnx/graph.ts'
import type { SparseMatrix } from './feedback.ts'
import { type GraphParts, NEVER } from './graph.ts'
import { likedOf } from './recommender.ts'
import { bySlot, placeItems, type Slots } from './slots.ts'

export interface Tables {
  readonly slots: Slots
  /** Factors of an item. */
  readonly size: number
  readonly users: Value
  readonly trust: Value
  readonly tokens: Value
  readonly items: Value
  readonly bias: Value
  /** Length of the factors of an item, 1 where there are none. */
  readonly norms: Value
  /** The average item. */
  readonly average: { readonly factors: Value; readonly bias: Value }
  readonly passes: Value
  readonly ids: Value
  readonly titles: Value
  readonly tags: Value
  /** Users × LIKED: slots of their dearest items, and how dear they are. */
  readonly liked: Value
  readonly likedWeights: Value
  /** Users × width: slots of what is not to be shown again. */
  readonly consumed: Value
  readonly consumedWidth: number
  readonly neighbours?: Neighbourhood
}

interface Neighbourhood {
  readonly slots: Value
  readonly similarities: Value
  /** What an item says of others, on the average of all. */
  readonly average: Value
  readonly width: number
}

const LIKED = 32
const MOST_CONSUMED = 256
export const TAGS = 8

export function addTables(graph: GraphBuilder, parts: GraphParts): Tables {
  const { recommender: model } = parts
  const { size } = model
  const slots = placeItems(model)
  const users = parts.userIds.length
  const float = (name: string, data: Float32Array, dims: number[]) =>
    graph.constant(name, { type: 'float32', dims, data })
  const int = (name: string, data: Int32Array, dims: number[]) => graph.constant(name, { type: 'int32', dims, data })
  const text = (name: string, texts: readonly string[]) =>
    graph.constant(name, {
      type: 'string',
      dims: [slots.rows],
      data: Array.from({ length: slots.rows }, (_, slot) => texts[slots.items[slot] ?? -1] ?? ''),
    })
  const liked = likedTables(parts.preferences, slots, users)
  const consumed = consumedTable(parts.consumed, slots, users)
  const consumedWidth = consumed.length / (users + 1)
  return {
    slots,
    size,
    users: float('users', withRow(model.users, users, size), [users + 1, size]),
    trust: float('trust_table', withRow(model.trust, users, 1), [users + 1]),
    tokens: float('tokens', withRow(model.tokens, parts.userTokens.length, size), [parts.userTokens.length + 1, size]),
    items: float('items', bySlot(slots, model.items, 0), [slots.rows, size]),
    bias: float('bias', bySlot(slots, model.bias, NEVER), [slots.rows]),
    norms: float('norms', bySlot(slots, normsOf(model), 1), [slots.rows]),
    average: {
      factors: float('average_item', averageOf(model.items, size), [size, 1]),
      bias: float('average_bias', averageOf(model.bias, 1), [1]),
    },
    passes: int('passes', bySlot(slots, parts.passes, 0), [slots.rows]),
    ids: text('ids', parts.itemIds),
    titles: text('titles', parts.titles),
    tags: int('tag_table', bySlot(slots, tagTable(parts.itemTokens), -1), [slots.rows, TAGS]),
    liked: int('liked', liked.slots, [users + 1, LIKED]),
    likedWeights: float('liked_weights', liked.weights, [users + 1, LIKED]),
    consumed: int('consumed', consumed, [users + 1, consumedWidth]),
    consumedWidth,
    ...neighbourTables(graph, parts, slots),
  }
}

function normsOf({ items, bias, size }: GraphParts['recommender']): Float32Array {
  return Float32Array.from(bias, (_, item) => {
    let squares = 0
    for (let k = 0; k < size; k++) squares += items[item * size + k]! ** 2
    return Math.sqrt(squares) || 1
  })
}

/** The mean row. */
function averageOf(rows: Float32Array, size: number): Float32Array {
  const mean = new Float64Array(size)
  for (const [at, value] of rows.entries()) mean[at % size]! += (value * size) / rows.length
  return Float32Array.from(mean)
}

function withRow(table: Float32Array, rows: number, size: number): Float32Array {
  const longer = new Float32Array((rows + 1) * size)
  longer.set(table.subarray(0, rows * size))
  return longer
}

function likedTables(preferences: SparseMatrix, slots: Slots, users: number) {
  const table = new Int32Array((users + 1) * LIKED).fill(slots.count)
  const weights = new Float32Array(table.length)
  for (let user = 0; user < users; user++) {
    for (const [place, [item, weight]] of likedOf(preferences, user, LIKED).entries()) {
      table[user * LIKED + place] = slots.slotOf[item]!
      weights[user * LIKED + place] = weight
    }
  }
  return { slots: table, weights }
}

/** Whoever has more than so many sees some of them again. */
function consumedTable({ starts, indices }: SparseMatrix, slots: Slots, users: number): Int32Array {
  let width = 1
  for (let user = 0; user < users; user++) width = Math.max(width, starts[user + 1]! - starts[user]!)
  width = Math.min(width, MOST_CONSUMED)
  const table = new Int32Array((users + 1) * width).fill(slots.count)
  for (let user = 0; user < users; user++) {
    const own = indices.subarray(starts[user]!, starts[user + 1]!).subarray(-width)
    table.set(
      own.map((item) => slots.slotOf[item]!),
      user * width,
    )
  }
  return table
}

function tagTable({ rows, starts, indices }: SparseMatrix): Int32Array {
  const table = new Int32Array(rows * TAGS).fill(-1)
  for (let row = 0; row < rows; row++) {
    table.set(indices.subarray(starts[row]!, starts[row + 1]!).subarray(0, TAGS), row * TAGS)
  }
  return table
}

function neighbourTables(graph: GraphBuilder, { recommender }: GraphParts, slots: Slots): Pick<Tables, 'neighbours'> {
  if (!recommender.neighbours) return {}
  const { items, similarities, width } = recommender.neighbours
  const placed = items.map((item) => (item < 0 ? slots.count : slots.slotOf[item]!))
  const dims = [slots.rows, width]
  const average = recommender.bias.map((_, item, { length }) => {
    let sum = 0
    for (let at = item * width; at < (item + 1) * width; at++) if (items[at]! >= 0) sum += similarities[at]!
    return sum / length
  })
  return {
    neighbours: {
      slots: graph.constant('neighbour_table', { type: 'int32', dims, data: bySlot(slots, placed, slots.count) }),
      similarities: graph.constant('similarities', { type: 'float32', dims, data: bySlot(slots, similarities, 0) }),
      average: graph.constant('average_said', {
        type: 'float32',
        dims: [slots.rows],
        data: bySlot(slots, average, 0),
      }),
      width,
    },
  }
}
