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
