// Who has won: figures of the same folds side by side. Configurations are judged in pairs, fold by fold, because what a hard
// fold takes from one it takes from all.

export interface Figures {
  /** Mean over the folds. */
  readonly mean: number
  /** Standard error of that mean; 0 for one fold. */
  readonly error: number
}

export function figuresOf(values: readonly number[]): Figures {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const error = values.length > 1 ? Math.sqrt(squares / (values.length - 1) / values.length) : 0
  return { mean, error }
}

export interface Contender {
  /** The figure of each fold; those that all contenders have are compared. */
  readonly folds: readonly number[]
}

export interface ChoiceRule {
  readonly greaterIsBetter: boolean
  /** What a cheaper contender may be worse by, at most, whatever the noise. */
  readonly tolerance: number
}

/**
 * The number of the winner among contenders in order of cost, cheapest first: the best by its mean, unless a cheaper one is
 * as good as far as can be told: behind it by at most one standard error of the difference (Breiman et al. 1984), and by
 * at most the tolerance, so that noise cannot cost quality. Undefined without contenders that have a figure.
 */
export function winner(contenders: readonly Contender[], rule: ChoiceRule): number | undefined {
  const judged = contenders.map((contender, index) => ({ index, folds: contender.folds.filter(Number.isFinite) }))
  const able = judged.filter(({ folds, index }) => folds.length > 0 && folds.length === contenders[index]!.folds.length)
  if (able.length === 0) return undefined
  const shared = Math.min(...able.map(({ folds }) => folds.length))
  const sign = rule.greaterIsBetter ? 1 : -1
  const means = able.map(({ folds }) => sign * figuresOf(folds.slice(0, shared)).mean)
  const best = means.indexOf(Math.max(...means))
  for (let i = 0; i < best; i++) {
    const behind = able[best]!.folds.slice(0, shared).map((value, k) => sign * (value - able[i]!.folds[k]!))
    const { mean, error } = figuresOf(behind)
    // Two folds or one say nothing about their noise.
    const noise = shared < FEWEST_FOLDS ? rule.tolerance : error
    if (mean <= Math.min(noise, rule.tolerance)) return able[i]!.index
  }
  return able[best]!.index
}

/**
 * Whether a trial is hopeless after some of its folds: its mean is worse than the median of the means that complete trials
 * had after as many (median stopping, Golovin et al. 2017).
 */
export function isHopeless(
  folds: readonly number[],
  complete: readonly (readonly number[])[],
  greaterIsBetter: boolean,
): boolean {
  if (complete.length < MIN_COMPLETE) return false
  const sign = greaterIsBetter ? 1 : -1
  const means = complete.map((values) => sign * figuresOf(values.slice(0, folds.length)).mean).sort((a, b) => a - b)
  return sign * figuresOf(folds).mean < means[means.length >> 1]!
}

/** Folds from which a standard error can be told. */
const FEWEST_FOLDS = 3
/** Complete trials before any is given up early. */
const MIN_COMPLETE = 5
