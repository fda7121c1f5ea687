// The best split of one feature of a leaf, read off its histogram: numbers by one pass over the bins, with missing values
// tried on both sides. A row limit becomes a Hessian limit (rows are taken to have the leaf's mean Hessian, as LightGBM does),
// so that histograms need no third number.
import type { FeatureBins } from './binning.ts'
import type { Kernel } from './kernel.ts'
import { scanCategories } from './split-categories.ts'
import { BIN, GAIN, L2_USED, LEFT_GRADIENT, LEFT_HESSIAN, MISSING_LEFT } from './split-record.ts'

export interface SplitRules {
  readonly minRows: number
  readonly minHessian: number
  readonly minGain: number
  readonly l1: number
  readonly l2: number
  readonly catSmooth: number
  readonly catL2: number
  readonly maxCategories: number
  readonly maxOneHot: number
  readonly minGroupRows: number
}

/** What is known of a leaf before it is split. */
export interface LeafSums {
  readonly gradient: number
  readonly hessian: number
  readonly rows: number
  /** Monotone constraints above it keep its value, and those of its parts, between these. */
  readonly low: number
  readonly high: number
}

export interface SplitSearch {
  readonly histogram: Float64Array
  /** Where the feature's bins start in it. */
  readonly start: number
  readonly bins: FeatureBins
  readonly leaf: LeafSums
  readonly rules: SplitRules
  /** 1, -1 or 0. */
  readonly monotone: number
  /** Written: the record, at `at`. */
  readonly record: Float64Array
  readonly at: number
  /** Written for categories: 1 for each bin that goes left. */
  readonly sides: Uint8Array
  readonly kernel: Kernel
}

/** Keeps a division by a Hessian of 0 finite. */
const TINY = 1e-15

export function searchFeature(search: SplitSearch): void {
  search.record[search.at + GAIN] = Number.NEGATIVE_INFINITY
  if (search.leaf.hessian <= 0) return
  if (search.bins.kind === 'category') scanCategories(search)
  else if (search.monotone !== 0 || search.rules.l1 > 0 || isBounded(search.leaf)) scanGeneral(search)
  else scanPlain(search)
}

const isBounded = ({ low, high }: LeafSums) => low > Number.NEGATIVE_INFINITY || high < Number.POSITIVE_INFINITY

/** The Hessian each part must have. */
export function leastHessian({ minRows, minHessian }: SplitRules, { rows, hessian }: LeafSums): number {
  return Math.max(minHessian, ((minRows - 0.5) * hessian) / rows)
}

/** What the summed loss falls by when a leaf of these sums takes its best value, twice. */
function leafGain(gradient: number, hessian: number, { l1, l2 }: SplitRules): number {
  const pull = shrink(gradient, l1)
  return (pull * pull) / (hessian + l2 + TINY)
}

function shrink(gradient: number, l1: number): number {
  if (l1 === 0) return gradient
  return Math.sign(gradient) * Math.max(0, Math.abs(gradient) - l1)
}

/** The gain a split must exceed: that of the leaf left whole. */
export function wholeGain(leaf: LeafSums, rules: SplitRules): number {
  return gainOf(leaf.gradient, leaf.hessian, { leaf, rules, l2: rules.l2 }) + rules.minGain
}

export interface Valuing {
  readonly leaf: LeafSums
  readonly rules: Pick<SplitRules, 'l1'>
  readonly l2: number
}

export function leafValue(gradient: number, hessian: number, { leaf, rules, l2 }: Valuing): number {
  const free = -shrink(gradient, rules.l1) / (hessian + l2 + TINY)
  return Math.min(leaf.high, Math.max(leaf.low, free))
}

/** As `leafGain`, for a value that is kept between bounds. */
export function gainOf(gradient: number, hessian: number, valuing: Valuing): number {
  const value = leafValue(gradient, hessian, valuing)
  return -(2 * shrink(gradient, valuing.rules.l1) * value + (hessian + valuing.l2 + TINY) * value * value)
}

function scanPlain({ histogram, start, bins, leaf, rules, record, at, kernel }: SplitSearch): void {
  if (bins.kind === 'category') return
  const { gradient, hessian } = leaf
  const whole = leafGain(gradient, hessian, rules) + rules.minGain
  record[at + L2_USED] = rules.l2
  kernel.scan({
    histogram,
    start,
    bins: bins.count,
    missing: bins.missing,
    gradient,
    hessian,
    l2: rules.l2 + TINY,
    least: leastHessian(rules, leaf),
    whole,
    record,
    at,
  })
}

/** With L1 or monotone constraints. */
function scanGeneral({ histogram, start, bins, leaf, rules, monotone, record, at }: SplitSearch): void {
  if (bins.kind === 'category') return
  const least = leastHessian(rules, leaf)
  const whole = wholeGain(leaf, rules)
  const valuing = { leaf, rules, l2: rules.l2 }
  const { missing } = bins
  const end = missing >= 0 ? bins.count - 1 : bins.count - 1
  let best = whole
  const tryLeft = (g: number, h: number, bin: number, side: number) => {
    const rest = leaf.hessian - h
    if (h < least || rest < least) return
    if (monotone !== 0) {
      const step = leafValue(leaf.gradient - g, rest, valuing) - leafValue(g, h, valuing)
      if (step * monotone < 0) return
    }
    const gain = gainOf(g, h, valuing) + gainOf(leaf.gradient - g, rest, valuing)
    if (!(gain > best)) return
    best = gain
    record[at + GAIN] = gain - whole
    record[at + BIN] = bin
    record[at + MISSING_LEFT] = side
    record[at + LEFT_GRADIENT] = g
    record[at + LEFT_HESSIAN] = h
    record[at + L2_USED] = rules.l2
  }
  let g = 0
  let h = 0
  for (let bin = 0; bin < end; bin++) {
    const i = 2 * (start + bin)
    g += histogram[i]!
    h += histogram[i + 1]!
    tryLeft(g, h, bin, 0)
    if (missing >= 0) tryLeft(g + histogram[2 * (start + missing)]!, h + histogram[2 * (start + missing) + 1]!, bin, 1)
  }
}
