// Durations counted in steps of 2^(1/8): a quantile is right to 4.5 % whatever its size, histograms of several replicas are
// added up, and recording costs a logarithm. Sparse, because one arm of a roll-out fills a few dozen steps.

/** Step → count. */
export type Histogram = Readonly<Record<string, number>>

const STEPS_A_DOUBLING = 8
/** Milliseconds; everything below is in the first step. */
const SMALLEST = 1 / 128
const LARGEST_STEP = 240

export function stepOf(ms: number): number {
  if (!(ms > SMALLEST)) return 0
  return Math.min(LARGEST_STEP, 1 + Math.floor(Math.log2(ms / SMALLEST) * STEPS_A_DOUBLING))
}

/** The smallest and the largest value of a step, in milliseconds. */
export function edgesOf(step: number): readonly [number, number] {
  const at = (k: number) => SMALLEST * 2 ** (k / STEPS_A_DOUBLING)
  return [step === 0 ? 0 : at(step - 1), at(step)]
}

export class HistogramRecorder {
  readonly #counts = new Float64Array(LARGEST_STEP + 1)

  record(ms: number): void {
    this.#counts[stepOf(ms)]!++
  }

  toJSON(): Histogram {
    const counts: Record<string, number> = {}
    for (let step = 0; step <= LARGEST_STEP; step++) if (this.#counts[step]! > 0) counts[step] = this.#counts[step]!
    return counts
  }
}

export function addHistograms(list: readonly Histogram[]): Histogram {
  const sum: Record<string, number> = {}
  for (const histogram of list) {
    for (const [step, count] of Object.entries(histogram)) sum[step] = (sum[step] ?? 0) + count
  }
  return sum
}

export function countOf(histogram: Histogram): number {
  return Object.values(histogram).reduce((sum, count) => sum + count, 0)
}

/** Ascending. */
export function stepsOf(histogram: Histogram): (readonly [number, number])[] {
  return Object.entries(histogram)
    .map(([step, count]) => [Number(step), count] as const)
    .sort(([a], [b]) => a - b)
}

/** The step in which the quantile lies; undefined without observations. */
export function quantileStep(histogram: Histogram, q: number): number | undefined {
  const target = q * countOf(histogram)
  let sum = 0
  let last: number | undefined
  for (const [step, count] of stepsOf(histogram)) {
    sum += count
    last = step
    if (sum >= target) return step
  }
  return last
}

/** In milliseconds: the geometric middle of its step. */
export function quantile(histogram: Histogram, q: number): number | undefined {
  const step = quantileStep(histogram, q)
  if (step === undefined) return undefined
  const [low, high] = edgesOf(step)
  return low === 0 ? high / 2 : Math.sqrt(low * high)
}
