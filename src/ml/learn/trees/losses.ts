// What a loss needs beside its derivatives: where to start, its mean over rows, and for losses without a curvature the best
// value of a leaf.
import type { Arena } from './arena.ts'
import type { Gradients } from './gradients.ts'

export type RowList = Uint32Array

/** The best constant score, one for each output. */
export function startingScores(arena: Arena, { loss, alpha }: Gradients, rows: RowList): Float64Array {
  const { targets, weights, plan } = arena
  if (loss === 'share') return new Float64Array(plan.outputs)
  if (loss === 'absolute' || loss === 'huber') return Float64Array.of(quantileOf(targets, { weights, rows, at: 0.5 }))
  if (loss === 'quantile') return Float64Array.of(quantileOf(targets, { weights, rows, at: alpha }))
  let total = 0
  let sum = 0
  const classTotals = new Float64Array(plan.outputs)
  for (const row of rows) {
    total += weights[row]!
    sum += weights[row]! * targets[row]!
    if (loss === 'softmax') classTotals[targets[row]!]! += weights[row]!
  }
  if (loss === 'softmax') return classTotals.map((one) => Math.log(Math.max(one / total, RAREST)))
  const mean = sum / total
  if (loss === 'logistic') return Float64Array.of(Math.log(Math.max(mean, RAREST) / Math.max(1 - mean, RAREST)))
  return Float64Array.of(loss === 'poisson' ? Math.log(Math.max(mean, RAREST)) : mean)
}

/** A class without rows still starts somewhere. */
const RAREST = 1e-9

export interface Quantile {
  readonly weights: Float32Array
  readonly rows: RowList
  /** 0..1. */
  readonly at: number
}

/** The smallest value at or below which lies the share `at` of the weight; the mean of two in the middle of equal weights. */
export function quantileOf(values: Float64Array, { weights, rows, at }: Quantile): number {
  const order = Float64Array.from(rows, (row) => values[row]!)
  const even = rows.every((row) => weights[row] === weights[rows[0]!])
  if (even) {
    order.sort()
    const place = at * (order.length - 1)
    const low = Math.floor(place)
    return order[low]! + (place - low) * ((order[low + 1] ?? order[low]!) - order[low]!)
  }
  const sorted = Array.from(rows).sort((a, b) => values[a]! - values[b]!)
  const total = sorted.reduce((sum, row) => sum + weights[row]!, 0)
  let passed = 0
  for (const row of sorted) {
    passed += weights[row]!
    if (passed >= at * total) return values[row]!
  }
  return values[sorted.at(-1)!]!
}

/** The mean loss of rows at the scores as they are. */
export function meanLoss(arena: Arena, { loss, alpha }: Gradients, rows: RowList, scale: number): number {
  const { targets, weights, scores, plan } = arena
  let sum = 0
  let total = 0
  for (const row of rows) {
    const score = scores[row]!
    const error = score - targets[row]!
    let own: number
    if (loss === 'logistic') own = softPlus(targets[row] === 1 ? -score : score)
    else if (loss === 'softmax') own = softmaxLoss(scores, plan, row, targets[row]!)
    else if (loss === 'absolute') own = Math.abs(error)
    else if (loss === 'quantile') own = error >= 0 ? (1 - alpha) * error : -alpha * error
    else if (loss === 'poisson') own = Math.exp(score) - targets[row]! * score
    else if (loss === 'huber' && Math.abs(error) > scale) own = scale * (Math.abs(error) - scale / 2)
    else own = (error * error) / 2
    sum += weights[row]! * own
    total += weights[row]!
  }
  return sum / total
}

/** ln(1 + e^x) without overflow. */
function softPlus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))
}

function softmaxLoss(scores: Float64Array, { rows, outputs }: Arena['plan'], row: number, target: number): number {
  let top = Number.NEGATIVE_INFINITY
  for (let k = 0; k < outputs; k++) top = Math.max(top, scores[k * rows + row]!)
  let sum = 0
  for (let k = 0; k < outputs; k++) sum += Math.exp(scores[k * rows + row]! - top)
  return top + Math.log(sum) - scores[target * rows + row]!
}

/** Losses whose second derivative is no guide to the value of a leaf; the value is then this quantile of its errors. */
export function leafQuantile({ loss, alpha }: Gradients): number | undefined {
  if (loss === 'absolute') return 0.5
  return loss === 'quantile' ? alpha : undefined
}

/** The boundary of the Huber loss: the quantile `alpha` of the absolute errors (Friedman 2001). */
export function huberScale({ scores, targets, weights }: Arena, alpha: number, rows: RowList): number {
  const errors = new Float64Array(scores.length)
  for (const row of rows) errors[row] = Math.abs(targets[row]! - scores[row]!)
  return Math.max(quantileOf(errors, { weights, rows, at: alpha }), Number.MIN_VALUE)
}
