// One held-out part: at random, at random within each class, the latest rows, or whole groups. The same arguments give the
// same split on every machine.
import { seededRandom, shuffle } from '../../core/random.ts'
import { divide, heldOutCount, rowNumbers, type Split, unsplittable } from './parts.ts'

export interface HoldOut {
  /** Share of the rows to hold out, above 0 and below 1. */
  readonly fraction: number
  readonly seed: number
}

/** Shuffled. Throws `invalid` SPLIT_IMPOSSIBLE for fewer than two rows. */
export function splitShuffled(rows: number, { fraction, seed }: HoldOut): Split {
  const count = heldOutCount(rows, fraction)
  const order = shuffle(rowNumbers(rows), seededRandom(seed))
  const isTest = new Uint8Array(rows)
  for (let i = 0; i < count; i++) isTest[order[i]!] = 1
  return divide(isTest)
}

export interface StratifiedHoldOut extends HoldOut {
  /** Class names, for the messages. */
  readonly classes?: readonly string[]
}

/**
 * Shuffled so that every class has its share on both sides and `fraction` of all rows is held out (largest remainders).
 * Every class is held out at least once, unless there are more classes than rows to hold out. Throws `invalid`
 * SPLIT_IMPOSSIBLE for fewer than two rows or classes, or a class of one row.
 */
export function splitStratified(labels: Int32Array, { fraction, seed, classes }: StratifiedHoldOut): Split {
  const count = heldOutCount(labels.length, fraction)
  const groups = rowsByClass(labels)
  checkClasses(groups, 2, { labels, classes })
  const shares = shareOut(
    groups.map((group) => group.length),
    count,
  )
  const random = seededRandom(seed)
  const isTest = new Uint8Array(labels.length)
  groups.forEach((group, k) => {
    shuffle(group, random)
    for (let i = 0; i < shares[k]!; i++) isTest[group[i]!] = 1
  })
  return divide(isTest)
}

/** Throws where there is one class only, or one with fewer than `needed` rows. */
export function checkClasses(
  groups: readonly (readonly number[])[],
  needed: number,
  { labels, classes }: { labels: Int32Array; classes: readonly string[] | undefined },
): void {
  if (groups.length < 2) {
    throw unsplittable('All rows are of one class', 'add rows of another class, or choose another target')
  }
  const small = groups.find((group) => group.length < needed)
  if (!small) return
  const label = labels[small[0]!]!
  const name = classes?.[label] === undefined ? `Class number ${label}` : `Class "${classes[label]}"`
  const has = small.length === 1 ? 'only one row' : `only ${small.length} rows`
  throw unsplittable(`${name} has ${has}`, `at least ${needed} are needed: add rows of it, or leave it out`, { label })
}

/** Rows of each class that occurs, in class order. */
export function rowsByClass(labels: Int32Array): number[][] {
  const groups = new Map<number, number[]>()
  labels.forEach((label, row) => {
    const group = groups.get(label)
    if (group) group.push(row)
    else groups.set(label, [row])
  })
  return [...groups].sort(([a], [b]) => a - b).map(([, group]) => group)
}

/** How many of each group to take, `count` in all: in proportion, but never a whole group. */
function shareOut(sizes: readonly number[], count: number): number[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const exact = sizes.map((size) => (size * count) / total)
  const shares = exact.map(Math.floor)
  const byRemainder = sizes.map((_, k) => k).sort((a, b) => exact[b]! - shares[b]! - (exact[a]! - shares[a]!) || a - b)
  let open = count - shares.reduce((sum, share) => sum + share, 0)
  // More than once round, because a small class that is used up leaves its part to the others.
  for (let before = -1; open > 0 && open !== before; ) {
    before = open
    for (const k of byRemainder) {
      if (open === 0 || shares[k]! + 1 >= sizes[k]!) continue
      shares[k]!++
      open--
    }
  }
  // A class that got nothing takes one from the class that got most.
  const givers = richestFirst(shares)
  for (const k of byRemainder) {
    if (shares[k]! > 0) continue
    const richest = givers.next().value
    if (richest === undefined) break
    shares[richest]!--
    shares[k]!++
  }
  return shares
}

/** Of classes that got more than one the first of those with most, again and again, each giving one away whenever it is named. */
function* richestFirst(given: readonly number[]): Generator<number, undefined> {
  const shares = [...given]
  const byShare = shares.map((_, k) => k).sort((a, b) => shares[b]! - shares[a]! || a - b)
  const rich: number[] = []
  for (let most = shares[byShare[0]!]!; most > 1; most--) {
    const known = rich.length
    while (rich.length < byShare.length && shares[byShare[rich.length]!]! >= most) rich.push(byShare[rich.length]!)
    if (rich.length > known) rich.sort((a, b) => a - b)
    yield* rich
  }
}

/**
 * The latest rows by `times` (any increasing number; NaN counts as earliest) are held out. Rows as old as the oldest of
 * them are learned from, so that no moment is on both sides. Throws `invalid` SPLIT_IMPOSSIBLE where all are equal.
 */
export function splitByTime(times: Float64Array, fraction: number): Split {
  const rows = times.length
  const count = heldOutCount(rows, fraction)
  const rank = (row: number) => (Number.isNaN(times[row]!) ? Number.NEGATIVE_INFINITY : times[row]!)
  const order = rowNumbers(rows).sort((a, b) => compare(rank(a), rank(b)) || a - b)
  const first = rank(order[rows - count]!)
  const startsInside = rank(order[rows - count - 1]!) === first
  const later = order.findIndex((row) => rank(row) > first)
  const earlier = order.findIndex((row) => rank(row) === first)
  const cut = !startsInside ? rows - count : later >= 0 ? later : earlier
  if (cut === 0) throw unsplittable('All rows are of the same time', 'choose another time column, or split at random')
  const isTest = new Uint8Array(rows)
  for (let i = cut; i < rows; i++) isTest[order[i]!] = 1
  return divide(isTest)
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/**
 * Whole groups are held out, in shuffled order, until `fraction` of the rows is reached; where all that come into question would
 * overshoot by more than they fill, the smallest of all. `groups` holds any number per row, equal for rows that must stay together. Throws `invalid` SPLIT_IMPOSSIBLE for fewer than two groups.
 */
export function splitGrouped(groups: Int32Array, { fraction, seed }: HoldOut): Split {
  const count = heldOutCount(groups.length, fraction)
  const members = rowsByClass(groups)
  if (members.length < 2) {
    throw unsplittable('All rows are of one group', 'choose another group column, or split at random')
  }
  shuffle(members, seededRandom(seed))
  const isTest = new Uint8Array(groups.length)
  let held = 0
  for (const rows of members.slice(1)) {
    // The group that would overshoot by more than it would fill is left to the learner.
    if (held + rows.length - count > count - held) continue
    for (const row of rows) isTest[row] = 1
    held += rows.length
    if (held >= count) break
  }
  if (held === 0) {
    const smallest = members.reduce((a, b) => (b.length < a.length ? b : a))
    for (const row of smallest) isTest[row] = 1
  }
  return divide(isTest)
}
