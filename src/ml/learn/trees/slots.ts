// The histograms of the open leaves of a tree lie in a fixed number of slots. When none is free, the leaf that gains least
// loses its own, and is built again when it is split.
import type { OpenLeaf } from './leaves.ts'

export class Slots {
  readonly #count: number
  #used = 0
  readonly #free: number[] = []
  readonly #owners = new Set<OpenLeaf>()

  constructor(count: number) {
    this.#count = count
  }

  /** @param keep leaves that must not lose theirs. */
  take(leaf: OpenLeaf, keep: readonly OpenLeaf[]): void {
    if (this.#free.length === 0 && this.#used === this.#count) this.#evict(keep)
    this.own(this.spare(), leaf)
  }

  /** A slot that belongs to nobody yet, where it is known that there is one. */
  spare(): number {
    return this.#free.pop() ?? this.#used++
  }

  /** A spare slot gets its owner. */
  own(slot: number, leaf: OpenLeaf): void {
    leaf.slot = slot
    this.#owners.add(leaf)
  }

  free(leaf: OpenLeaf): void {
    if (leaf.slot < 0) return
    this.#free.push(leaf.slot)
    this.#owners.delete(leaf)
    leaf.slot = -1
  }

  /** The slot of `from` belongs to `to`. */
  rename(from: OpenLeaf, to: OpenLeaf): void {
    to.slot = from.slot
    this.#owners.delete(from)
    this.#owners.add(to)
    from.slot = -1
  }

  #evict(keep: readonly OpenLeaf[]): void {
    let least: OpenLeaf | undefined
    for (const leaf of this.#owners) {
      if (!keep.includes(leaf) && (!least || leaf.best!.gain < least.best!.gain)) least = leaf
    }
    if (least) this.free(least)
  }
}
