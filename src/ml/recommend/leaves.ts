// Items in leaves of equal size, alike ones together, so that a search looks at the best leaves instead of at every item: with
// about √n leaves its cost grows with the square root of the items. Halving at the median keeps the leaves equal (which a
// tensor needs and k-means does not give); the direction is that of two means (a two-means tree).

export interface Leaves {
  readonly count: number
  /** Items a leaf holds. */
  readonly width: number
  /** count × width: the item in each place; -1 where a leaf is not full. */
  readonly items: Int32Array
  /** count × size: the mean of each leaf. */
  readonly centres: Float32Array
}

const ROUNDS = 6

/** `vectors` is items × size; `count` is a power of two, at most the number of items. */
export function growLeaves(vectors: Float32Array, size: number, count: number): Leaves {
  const total = vectors.length / size
  const order = Int32Array.from({ length: total }, (_, item) => item)
  let parts: Int32Array[] = [order]
  while (parts.length < count) parts = parts.flatMap((part) => halve(vectors, size, part))
  const width = Math.max(...parts.map((part) => part.length))
  const items = new Int32Array(count * width).fill(-1)
  const centres = new Float32Array(count * size)
  for (const [leaf, part] of parts.entries()) {
    items.set(part, leaf * width)
    centres.set(meanOf(vectors, size, part), leaf * size)
  }
  return { count, width, items, centres }
}

function halve(vectors: Float32Array, size: number, part: Int32Array): Int32Array[] {
  let a = vectorOf(vectors, size, farthest(vectors, meanOf(vectors, size, part), part))
  let b = vectorOf(vectors, size, farthest(vectors, a, part))
  for (let round = 0; round < ROUNDS; round++) {
    const near = part.filter((item) => distance(vectors, a, item) <= distance(vectors, b, item))
    const far = part.filter((item) => distance(vectors, a, item) > distance(vectors, b, item))
    if (near.length === 0 || far.length === 0) break
    a = meanOf(vectors, size, near)
    b = meanOf(vectors, size, far)
  }
  const sides = new Map(Array.from(part, (item) => [item, distance(vectors, a, item) - distance(vectors, b, item)]))
  const sorted = part.toSorted((x, y) => sides.get(x)! - sides.get(y)! || x - y)
  const middle = Math.ceil(sorted.length / 2)
  return [sorted.subarray(0, middle), sorted.subarray(middle)]
}

function vectorOf(vectors: Float32Array, size: number, item: number): Float64Array {
  return Float64Array.from(vectors.subarray(item * size, (item + 1) * size))
}

function meanOf(vectors: Float32Array, size: number, part: Int32Array): Float64Array {
  const mean = new Float64Array(size)
  for (const item of part) for (let k = 0; k < size; k++) mean[k]! += vectors[item * size + k]! / part.length
  return mean
}

function farthest(vectors: Float32Array, from: Float64Array, part: Int32Array): number {
  let [best, most] = [part[0]!, -1]
  for (const item of part) {
    const found = distance(vectors, from, item)
    if (found > most) [best, most] = [item, found]
  }
  return best
}

function distance(vectors: Float32Array, from: Float64Array, item: number): number {
  let sum = 0
  for (let k = 0; k < from.length; k++) sum += (vectors[item * from.length + k]! - from[k]!) ** 2
  return sum
}
