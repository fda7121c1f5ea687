// Which strength of penalty, judged on rows that were not learned from: all strengths from strong to weak, each search
// starting where the stronger one ended (Friedman, Hastie and Tibshirani 2010, "Regularization paths for generalized
// linear models via coordinate descent", section 2.5). The same pass yields the scores that calibration needs.
import { type Static, Type } from 'typebox'
import type { InnerFold } from './inner-folds.ts'
import type { LearningHooks } from './learner.ts'

export const Path = Type.Integer({
  minimum: 1,
  maximum: 50,
  default: 1,
  description:
    'Number of penalty strengths to compare by cross-validation within the training rows: l2 and l1 times 100 down to times 0.01, in even steps. 1 takes them as given.',
})

/** Fits with both penalties times the factor, starting from the answer to the factor before. */
export type Solve<T> = (factor: number, hooks: LearningHooks) => T

export interface Judged {
  /** Summed over the rows. */
  readonly loss: number
  /** Row-major scores of the rows. */
  readonly scores: Float64Array
}

export interface PathProblem<T> {
  readonly path: Static<typeof Path>
  readonly folds: readonly InnerFold[]
  /** A solver over some of the rows, with penalties that are per row as strong as over all. */
  readonly solver: (rows: Uint32Array) => Solve<T>
  readonly judge: (fit: T, rows: Uint32Array) => Judged
  readonly hooks: LearningHooks
}

export interface Chosen {
  readonly factor: number
  /** Scores of the judged rows of each fold, by fits with that factor. */
  readonly scores: readonly Float64Array[]
  readonly warnings: readonly string[]
}

/** Weaker penalties are not tried once so many in a row were no better. */
const PATIENCE = 3

export function chooseStrength<T>(problem: PathProblem<T>): Chosen {
  const { folds, judge } = problem
  const factors = factorsOf(problem.path)
  const solvers = folds.map((fold) => problem.solver(fold.learn))
  let best: Chosen & { loss: number } = { factor: 1, scores: [], warnings: [], loss: Number.POSITIVE_INFINITY }
  let worse = 0
  for (const [i, factor] of factors.entries()) {
    const judged = folds.map((fold, k) => {
      const share = { from: (i + k / folds.length) / factors.length, size: 1 / folds.length / factors.length }
      return judge(solvers[k]!(factor, within(problem.hooks, share)), fold.judge)
    })
    const loss = judged.reduce((sum, one) => sum + one.loss, 0)
    if (loss < best.loss || i === 0) {
      best = { factor, loss, scores: judged.map((one) => one.scores), warnings: edgeWarnings(factors, i) }
      worse = 0
    } else if (++worse === PATIENCE) break
  }
  return best
}

function edgeWarnings(factors: readonly number[], i: number): string[] {
  if (factors.length === 1 || (i > 0 && i < factors.length - 1)) return []
  const [side, other] = i === 0 ? ['strongest', 'larger'] : ['weakest', 'smaller']
  return [`The ${side} penalty on the path was the best one: a ${other} l2 may be better still`]
}

/** Strongest first. */
function factorsOf(count: number): number[] {
  if (count === 1) return [1]
  return Array.from({ length: count }, (_, i) => 10 ** (2 - (4 * i) / (count - 1)))
}

/** The hooks of a part of the work. */
export function within(hooks: LearningHooks, { from, size }: { from: number; size: number }): LearningHooks {
  const { onProgress } = hooks
  if (!onProgress) return hooks
  return { ...hooks, onProgress: (progress) => onProgress({ ...progress, done: from + size * progress.done }) }
}
