// The classical tests of two samples. Their p-values hold for one look, at a number of observations fixed beforehand; for
// looking again and again there is `sequential.ts`.
import { normalTwoSided, studentTwoSided } from './distributions.ts'
import { countOf, type Histogram, stepsOf } from './histogram.ts'

export interface Share {
  readonly hits: number
  readonly of: number
}

export interface Sample {
  readonly count: number
  readonly mean: number
  /** Unbiased. */
  readonly variance: number
}

/** Two-proportion z-test with the pooled variance, two-sided; 1 where an arm is empty. */
export function twoProportions(a: Share, b: Share): number {
  if (a.of === 0 || b.of === 0) return 1
  const pooled = (a.hits + b.hits) / (a.of + b.of)
  const variance = pooled * (1 - pooled) * (1 / a.of + 1 / b.of)
  if (variance === 0) return 1
  return normalTwoSided((b.hits / b.of - a.hits / a.of) / Math.sqrt(variance))
}

/** Welch's t-test (1947), two-sided; 1 where an arm has less than two observations. */
export function welch(a: Sample, b: Sample): number {
  if (a.count < 2 || b.count < 2) return 1
  const [va, vb] = [a.variance / a.count, b.variance / b.count]
  if (va + vb === 0) return a.mean === b.mean ? 1 : 0
  const freedom = (va + vb) ** 2 / (va ** 2 / (a.count - 1) + vb ** 2 / (b.count - 1))
  return studentTwoSided((b.mean - a.mean) / Math.sqrt(va + vb), freedom)
}

export interface RankTest {
  readonly p: number
  /** Probability that an observation of b is greater than one of a, ties counted half. */
  readonly greater: number
}

/** Mann–Whitney (1947) on binned values, two-sided, normal approximation with the correction for ties. */
export function mannWhitney(a: Histogram, b: Histogram): RankTest {
  const [na, nb] = [countOf(a), countOf(b)]
  if (na === 0 || nb === 0) return { p: 1, greater: 0.5 }
  let below = 0
  let u = 0
  let ties = 0
  for (const [step] of stepsOf({ ...a, ...b })) {
    const [inA, inB] = [a[step] ?? 0, b[step] ?? 0]
    u += inB * (below + inA / 2)
    below += inA
    ties += (inA + inB) ** 3 - (inA + inB)
  }
  const n = na + nb
  const variance = n > 1 ? ((na * nb) / 12) * (n + 1 - ties / (n * (n - 1))) : 0
  const p = variance > 0 ? normalTwoSided((u - (na * nb) / 2) / Math.sqrt(variance)) : 1
  return { p, greater: u / (na * nb) }
}
