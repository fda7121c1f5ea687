// The words of this folder: rows divided into those to learn from and those to judge by.
import { fail, type MlError } from '../../core/failure.ts'

export interface Split {
  /** Row numbers to learn from, ascending. */
  readonly train: Uint32Array
  /** Row numbers to judge by, ascending; never empty, and never one of `train`. */
  readonly test: Uint32Array
}

export function unsplittable(problem: string, remedy: string, details: Record<string, unknown> = {}): MlError {
  return fail('invalid', 'SPLIT_IMPOSSIBLE', `${problem}: ${remedy}`, { details: { remedy, ...details } })
}

/** Rows to hold out: the rounded share, but at least one, and at least one is left. */
export function heldOutCount(rows: number, fraction: number): number {
  if (!(fraction > 0 && fraction < 1)) {
    throw unsplittable(`A held-out share of ${fraction} is not a share`, 'choose one above 0 and below 1')
  }
  if (rows < 2) {
    const problem = rows === 1 ? 'There is only one row' : 'There are no rows'
    throw unsplittable(problem, 'at least two are needed, one to learn from and one to judge by')
  }
  return Math.min(rows - 1, Math.max(1, Math.round(rows * fraction)))
}

/** Puts the rows for which `isTest` is 1 on one side and the others on the other. */
export function divide(isTest: Uint8Array): Split {
  const rows = isTest.length
  const test = new Uint32Array(rows)
  const train = new Uint32Array(rows)
  let tests = 0
  let trains = 0
  for (let row = 0; row < rows; row++) {
    if (isTest[row] === 1) test[tests++] = row
    else train[trains++] = row
  }
  return { train: train.slice(0, trains), test: test.slice(0, tests) }
}

export function rowNumbers(rows: number): Uint32Array {
  return Uint32Array.from({ length: rows }, (_, row) => row)
}
