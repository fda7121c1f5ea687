// The leaves of a growing tree that may be split, the next one on top: a binary heap, because a tree of a forest has a thousand
// of them and looking through all for every split takes longer than the split.

export interface RankedLeaf {
  /** Of two that are equal, the one with the lower number comes first. */
  readonly node: number
  readonly depth: number
  readonly gain: number
}

export class OpenLeaves<Leaf extends RankedLeaf> {
  readonly #byLevel: boolean
  readonly #heap: Leaf[] = []

  constructor(policy: 'leafwise' | 'depthwise') {
    this.#byLevel = policy === 'depthwise'
  }

  push(leaf: Leaf): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(leaf)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(leaf, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = leaf
  }

  /** The leaf to be split next, taken out. */
  take(): Leaf | undefined {
    const heap = this.#heap
    const [top, last] = [heap[0], heap.pop()]
    if (heap.length === 0 || !last) return top
    let at = 0
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && this.#isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!this.#isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }

  #isBefore(a: Leaf, b: Leaf): boolean {
    if (this.#byLevel && a.depth !== b.depth) return a.depth < b.depth
    return a.gain > b.gain || (a.gain === b.gain && a.node < b.node)
  }
}
