// The weights of one linear support vector machine with squared hinge loss, by coordinate descent in the dual (Hsieh et al. 2008,
// "A dual coordinate descent method for large-scale linear SVM", with their shrinking). Of a class among many nearly all rows are
// far on the right side: they leave the search early, which is why this takes a fraction of the time of a softmax.
import { type Random, shuffle } from '../../core/random.ts'
import type { SparseMatrix } from '../matrix.ts'
import { type LearningHooks, throwIfStopped } from './learner.ts'

/** Rows to learn from. */
export interface MarginRows {
  readonly matrix: SparseMatrix
  /** A feature of that value in every row beside the others; its weight is the constant. 0 for none. */
  readonly constant: number
  /** Which of them take part. */
  readonly rows: Uint32Array
  /** Squared length of every row of the matrix, the constant included. */
  readonly squares: Float64Array
  /** 1 / (2 · cost) of every row of the matrix; Infinity for one that costs nothing. */
  readonly softness: Float64Array
}

export interface DescentOptions {
  readonly maxPasses: number
  /** Spread of the projected gradient, which is a margin, at which to stop. */
  readonly tolerance: number
  readonly random: Random
  readonly hooks: LearningHooks
}

export interface Descended {
  readonly passes: number
  readonly converged: boolean
}

/**
 * Minimises ‖w‖²/2 + Σ costᵢ·max(0, 1 − sideᵢ·w·xᵢ)². `alphas` (one for each row of the matrix, none negative) is where the
 * search starts and ends, and `weights` (columns, then the constant) must be and will be Σ alphaᵢ·sideᵢ·xᵢ.
 */
export function descend(
  { matrix, constant, rows, squares, softness }: MarginRows,
  isOurs: (row: number) => boolean,
  { alphas, weights }: { readonly alphas: Float64Array; readonly weights: Float64Array },
  { maxPasses, tolerance, random, hooks }: DescentOptions,
): Descended {
  const { offsets, indices, values, cols } = matrix
  const active = rows.filter((row) => squares[row]! > 0 && softness[row]! < Number.POSITIVE_INFINITY)
  const sides = new Int8Array(matrix.rows)
  for (const row of active) sides[row] = isOurs(row) ? 1 : -1
  let left = active.length
  let highest = Number.POSITIVE_INFINITY
  const report = reportTo(hooks, tolerance)
  for (let pass = 1; pass <= maxPasses; pass++) {
    throwIfStopped(hooks)
    shuffle(active.subarray(0, left), random)
    let most = 0
    let least = 0
    for (let i = 0; i < left; i = (i + 1) | 0) {
      const row = active[i]! | 0
      const end = offsets[row + 1]! | 0
      const side = sides[row]!
      let score = constant * weights[cols]!
      for (let at = offsets[row]! | 0; at < end; at = (at + 1) | 0) score += values[at]! * weights[indices[at]! | 0]!
      const alpha = alphas[row]!
      const slope = side * score - 1 + softness[row]! * alpha
      if (alpha === 0 && slope >= 0) {
        // On the right side by more than any other row is on the wrong one: not looked at again until the end.
        if (slope > highest) {
          left = (left - 1) | 0
          active[i] = active[left]!
          active[left] = row
          i = (i - 1) | 0
        }
        continue
      }
      if (slope > most) most = slope
      if (slope < least) least = slope
      const next = Math.max(0, alpha - slope / (squares[row]! + softness[row]!))
      if (next === alpha) continue
      alphas[row] = next
      const change = (next - alpha) * side
      weights[cols]! += change * constant
      for (let at = offsets[row]! | 0; at < end; at = (at + 1) | 0) weights[indices[at]! | 0]! += change * values[at]!
    }
    report(pass, most - least)
    if (most - least <= tolerance) {
      if (left === active.length) return { passes: pass, converged: true }
      left = active.length
      highest = Number.POSITIVE_INFINITY
    } else highest = most > 0 ? most : Number.POSITIVE_INFINITY
  }
  return { passes: maxPasses, converged: false }
}

/** Digits of the spread gained, as a share of those wanted. */
function reportTo({ onProgress }: LearningHooks, tolerance: number): (pass: number, spread: number) => void {
  let first: number | undefined
  let done = 0
  return (pass, spread) => {
    first ??= spread
    const digits = Math.log(first / spread) / Math.log(Math.max(2, first / tolerance))
    if (digits > done) done = Math.min(1, digits)
    onProgress?.({ iteration: pass, loss: spread, done })
  }
}
