// What is drawn at random while trees are grown: rows, features, and the rows set aside to judge by.
import type { Random } from '../../../core/random.ts'
import { seededRandom, shuffle } from '../../../core/random.ts'
import type { LearningTarget } from '../learner.ts'

/** So many of `rows` in their order, without repeats; at least one. */
export function drawRows(rows: Uint32Array, share: number, random: Random): Uint32Array {
  let wanted = Math.max(1, Math.round(rows.length * share))
  const drawn = new Uint32Array(wanted)
  let count = 0
  for (let i = 0; i < rows.length && wanted > 0; i++) {
    if (random.next() * (rows.length - i) >= wanted) continue
    drawn[count++] = rows[i]!
    wanted--
  }
  return drawn
}

export interface Draw {
  /** Rows of the table. */
  readonly size: number
  readonly share: number
  readonly random: Random
}

/** How often each row of the table was drawn, with repeats, from some of them. */
export function drawWithReplacement(rows: Uint32Array, { size, share, random }: Draw): Uint8Array {
  const drawn = new Uint8Array(size)
  const count = Math.max(1, Math.round(rows.length * share))
  for (let i = 0; i < count; i++) {
    const row = rows[random.integer(rows.length)]!
    if (drawn[row]! < 255) drawn[row]!++
  }
  return drawn
}

/** Those of `all` that are not among `some`; both ascending. */
export function othersThan(some: Uint32Array, all: Uint32Array): Uint32Array {
  const others = new Uint32Array(all.length - some.length)
  let at = 0
  let count = 0
  for (const row of all) {
    if (some[at] === row) at++
    else others[count++] = row
  }
  return others
}

/** Marks so many features, at least one. */
export function drawFeatures(active: Uint8Array, share: number, random: Random): void {
  active.fill(1)
  if (share === 1) return
  // Loops, because a forest draws for every split.
  const order = new Uint32Array(active.length)
  for (let feature = 0; feature < order.length; feature++) order[feature] = feature
  shuffle(order, random)
  for (let i = Math.max(1, Math.round(active.length * share)); i < order.length; i++) active[order[i]!] = 0
}

export interface SetAside {
  /** Both ascending. */
  readonly train: Uint32Array
  readonly validation: Uint32Array
}

/** Sets a share of the rows aside, of every class alike: where classes have few rows, of one of them for several. At most half of any. */
export function setAside(
  target: LearningTarget,
  rows: Uint32Array,
  { share, seed }: { share: number; seed: number },
): SetAside {
  const random = seededRandom(seed)
  const mark = new Uint8Array(rows.length)
  const groups = new Map<number, number[]>()
  for (const [i, row] of rows.entries()) {
    const group = target.task === 'classification' ? target.labels[row]! : 0
    const own = groups.get(group)
    if (own) own.push(i)
    else groups.set(group, [i])
  }
  let owed = 0
  for (const [, places] of [...groups].sort(([a], [b]) => a - b)) {
    owed += places.length * share
    const count = Math.min(places.length >> 1, Math.round(owed))
    // What a class cannot give is not asked of the next.
    owed = Math.min(0.5, owed - count)
    for (const i of shuffle(places, random).slice(0, count)) mark[i] = 1
  }
  return { train: rows.filter((_, i) => mark[i] === 0), validation: rows.filter((_, i) => mark[i] === 1) }
}
