// Splits between categories. Few: one against the rest. Many: ordered by gradient over Hessian, the best cut of that order is
// the best of all divisions (Fisher 1958); smoothing, a penalty and a limit keep it from learning noise (as LightGBM does).
import type { FeatureBins } from './binning.ts'
import { gainOf, leastHessian, type SplitSearch, wholeGain } from './split.ts'
import { BIN, GAIN, L2_USED, LEFT_GRADIENT, LEFT_HESSIAN, MISSING_LEFT } from './split-record.ts'

/** Bins a split can name: not the one that rare categories share. */
function named(bins: FeatureBins): number {
  return bins.kind === 'category' ? bins.categories.length : 0
}

export function scanCategories(search: SplitSearch): void {
  if (search.bins.count <= search.rules.maxOneHot) scanOneAgainstRest(search)
  else scanOrdered(search)
}

function scanOneAgainstRest(search: SplitSearch): void {
  const { histogram, start, bins, leaf, rules, sides } = search
  const least = leastHessian(rules, leaf)
  const whole = wholeGain(leaf, rules)
  const valuing = { leaf, rules, l2: rules.l2 }
  let best = whole
  for (let bin = 0; bin < named(bins); bin++) {
    const g = histogram[2 * (start + bin)]!
    const h = histogram[2 * (start + bin) + 1]!
    if (h < least || leaf.hessian - h < least) continue
    const gain = gainOf(g, h, valuing) + gainOf(leaf.gradient - g, leaf.hessian - h, valuing)
    if (!(gain > best)) continue
    best = gain
    sides.fill(0)
    sides[bin] = 1
    write(search, [gain - whole, g, h, rules.l2])
  }
}

function scanOrdered(search: SplitSearch): void {
  const { histogram, start, bins, leaf, rules } = search
  const perHessian = leaf.rows / leaf.hessian
  const rowsIn = (bin: number) => histogram[2 * (start + bin) + 1]! * perHessian
  const order: number[] = []
  for (let bin = 0; bin < named(bins); bin++) if (rowsIn(bin) + 0.5 >= Math.max(1, rules.catSmooth)) order.push(bin)
  if (order.length === 0) return
  const rank = (bin: number) => histogram[2 * (start + bin)]! / (histogram[2 * (start + bin) + 1]! + rules.catSmooth)
  order.sort((a, b) => rank(a) - rank(b) || a - b)
  const best = { gain: wholeGain(leaf, rules) }
  scanOneWay(search, order, best)
  scanOneWay(search, order.reverse(), best)
}

/** Adds category after category to the left side; writes what is better than `best`. */
function scanOneWay(search: SplitSearch, order: readonly number[], best: { gain: number }): void {
  const { histogram, start, leaf, rules, sides } = search
  const least = leastHessian(rules, leaf)
  const perHessian = leaf.rows / leaf.hessian
  const leastRest = Math.max(least, (rules.minGroupRows - 0.5) / perHessian)
  const whole = wholeGain(leaf, rules)
  const valuing = { leaf, rules, l2: rules.l2 + rules.catL2 }
  const most = Math.min(rules.maxCategories, (order.length + 1) >> 1)
  let g = 0
  let h = 0
  let group = 0
  for (let i = 0; i < most; i++) {
    const at = 2 * (start + order[i]!)
    g += histogram[at]!
    h += histogram[at + 1]!
    group += histogram[at + 1]! * perHessian
    const rest = leaf.hessian - h
    if (rest < leastRest) break
    if (h < least || group + 0.5 < rules.minGroupRows) continue
    group = 0
    const gain = gainOf(g, h, valuing) + gainOf(leaf.gradient - g, rest, valuing)
    if (!(gain > best.gain)) continue
    best.gain = gain
    sides.fill(0)
    for (let j = 0; j <= i; j++) sides[order[j]!] = 1
    write(search, [gain - whole, g, h, valuing.l2])
  }
}

function write({ record, at }: SplitSearch, [gain, g, h, l2]: readonly [number, number, number, number]): void {
  record[at + GAIN] = gain
  record[at + BIN] = -1
  record[at + MISSING_LEFT] = 0
  record[at + LEFT_GRADIENT] = g
  record[at + LEFT_HESSIAN] = h
  record[at + L2_USED] = l2
}
