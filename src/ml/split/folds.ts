// k-fold cross-validation: every row is held out exactly once.
import { seededRandom, shuffle } from '../../core/random.ts'
import { checkClasses, rowsByClass } from './hold-out.ts'
import { divide, rowNumbers, type Split, unsplittable } from './parts.ts'

export interface Folds {
  readonly folds: number
  readonly seed: number
}

/** Shuffled; fold sizes differ by at most one. Throws `invalid` SPLIT_IMPOSSIBLE for fewer rows than folds. */
export function foldsShuffled(rows: number, { folds, seed }: Folds): Split[] {
  checkFolds(rows, folds)
  return deal(shuffle(rowNumbers(rows), seededRandom(seed)), folds)
}

/**
 * Each class is spread over the folds as evenly as its rows allow. Throws `invalid` SPLIT_IMPOSSIBLE for fewer rows than
 * folds, fewer than two classes, or a class of one row (which one fold would have to judge without having learned it).
 */
export function foldsStratified(
  labels: Int32Array,
  { folds, seed, classes }: Folds & { readonly classes?: readonly string[] },
): Split[] {
  checkFolds(labels.length, folds)
  const groups = rowsByClass(labels)
  checkClasses(groups, 2, { labels, classes })
  const random = seededRandom(seed)
  return deal(Uint32Array.from(groups.flatMap((group) => shuffle(group, random))), folds)
}

function checkFolds(rows: number, folds: number): void {
  if (!Number.isInteger(folds) || folds < 2) {
    throw unsplittable(`${folds} is not a number of folds`, 'choose a whole number of at least 2')
  }
  if (rows < folds) throw unsplittable(`${rows} rows cannot make ${folds} folds`, 'choose fewer folds, or add rows')
}

/** Deals the rows round like cards: neighbours in the order (rows of one class) go to different folds. */
function deal(order: Uint32Array, folds: number): Split[] {
  return Array.from({ length: folds }, (_, fold) => {
    const isTest = new Uint8Array(order.length)
    for (let i = fold; i < order.length; i += folds) isTest[order[i]!] = 1
    return divide(isTest)
  })
}

/**
 * Whole groups are held out: `groups` holds any number per row, equal for rows that must stay together. Large groups are
 * dealt first, each to the fold with the fewest rows, so that the folds come out about equal (as GroupKFold of
 * scikit-learn). Throws `invalid` SPLIT_IMPOSSIBLE for fewer groups than folds.
 */
export function foldsGrouped(groups: Int32Array, { folds, seed }: Folds): Split[] {
  checkFolds(groups.length, folds)
  const members = shuffle(rowsByClass(groups), seededRandom(seed)).sort((a, b) => b.length - a.length)
  if (members.length < folds) {
    const problem = `${members.length} ${members.length === 1 ? 'group' : 'groups'} cannot make ${folds} folds`
    throw unsplittable(problem, 'choose fewer folds, or another group column')
  }
  const isTest = Array.from({ length: folds }, () => new Uint8Array(groups.length))
  const sizes = new Array<number>(folds).fill(0)
  for (const rows of members) {
    const smallest = sizes.indexOf(Math.min(...sizes))
    for (const row of rows) isTest[smallest]![row] = 1
    sizes[smallest]! += rows.length
  }
  return isTest.map(divide)
}

/**
 * Each fold is judged on rows later than all it learned from: the rows in order of `times` (any increasing number; NaN
 * counts as earliest) make folds + 1 parts, and fold k learns from the first k of them and is judged on the next. A moment
 * is never on both sides, which makes parts as unequal as it must. Throws `invalid` SPLIT_IMPOSSIBLE for fewer different times than that.
 */
export function foldsByTime(times: Float64Array, folds: number): Split[] {
  checkFolds(times.length, folds)
  const rank = (row: number) => (Number.isNaN(times[row]!) ? Number.NEGATIVE_INFINITY : times[row]!)
  const order = rowNumbers(times.length).sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : a - b))
  /** Places in the order at which another time begins. */
  const begins = rowNumbers(times.length).filter((i) => i > 0 && rank(order[i]!) !== rank(order[i - 1]!))
  if (begins.length < folds) {
    const problem = `There are too few different times for ${folds} folds`
    throw unsplittable(problem, 'choose fewer folds, or another time column')
  }
  const cuts = [0]
  let next = 0
  for (let part = 1; part <= folds; part++) {
    const wanted = Math.round((part * times.length) / (folds + 1))
    // As many times as there are parts to come are left to them.
    const last = begins.length - 1 - (folds - part)
    while (next < last && begins[next]! < wanted) next++
    cuts.push(begins[next++]!)
  }
  cuts.push(times.length)
  return cuts.slice(1, -1).map((cut, k) => ({
    train: order.slice(0, cut).sort(),
    test: order.slice(cut, cuts[k + 2]).sort(),
  }))
}
