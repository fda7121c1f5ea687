// Quantiles of sorted numbers, between neighbours by proportion: the default of numpy.

/** `sorted` ascending and not empty; `share` 0 to 1. */
export function quantile(sorted: Float64Array, share: number): number {
  const at = (sorted.length - 1) * share
  const below = Math.floor(at)
  const low = sorted[below]!
  const high = sorted[Math.min(below + 1, sorted.length - 1)]!
  return low + (high - low) * (at - below)
}
