// First and second derivatives of the losses that trees are grown on. Every row's weight is in both.
import type { Arena } from './arena.ts'
import type { Range } from './work.ts'

export type Loss = 'logistic' | 'softmax' | 'squared' | 'absolute' | 'huber' | 'quantile' | 'poisson' | 'share'

export interface Gradients {
  readonly loss: Loss
  /** The quantile of loss `quantile`. */
  readonly alpha: number
}

export interface ScaledGradients extends Gradients {
  /** Errors beyond it count linearly: loss `huber`. */
  readonly scale: number
}

/** Keeps a leaf of certain rows from taking an endless step. */
const LEAST_HESSIAN = 1e-16
/** LightGBM's poisson_max_delta_step: a larger second derivative makes safer steps where counts are small. */
const POISSON_CAUTION = Math.exp(0.7)

export function writeGradients(arena: Arena, gradients: ScaledGradients, rows: Range): void {
  if (gradients.loss === 'logistic') logistic(arena, rows)
  else if (gradients.loss === 'softmax') softmax(arena, rows)
  else if (gradients.loss === 'share') share(arena, rows)
  else numeric(arena, gradients, rows)
}

function logistic({ scores, targets, weights, gradients }: Arena, { from, to }: Range): void {
  for (let row = from; row < to; row++) {
    const p = 1 / (1 + Math.exp(-scores[row]!))
    const weight = weights[row]!
    gradients[2 * row] = weight * (p - targets[row]!)
    gradients[2 * row + 1] = weight * Math.max(p * (1 - p), LEAST_HESSIAN)
  }
}

/** K/(K − 1) · p(1 − p): the scores have one degree of freedom more than the probabilities (Friedman 2001). */
function softmax({ scores, targets, weights, gradients, plan }: Arena, { from, to }: Range): void {
  const { rows, outputs } = plan
  const factor = outputs / (outputs - 1)
  const own = new Float64Array(outputs)
  for (let row = from; row < to; row++) {
    let top = Number.NEGATIVE_INFINITY
    for (let k = 0; k < outputs; k++) top = Math.max(top, scores[k * rows + row]!)
    let sum = 0
    for (let k = 0; k < outputs; k++) sum += own[k] = Math.exp(scores[k * rows + row]! - top)
    const weight = weights[row]!
    const target = targets[row]!
    for (let k = 0; k < outputs; k++) {
      const p = own[k]! / sum
      const at = 2 * (k * rows + row)
      gradients[at] = weight * (p - Number(target === k))
      gradients[at + 1] = weight * Math.max(factor * p * (1 - p), LEAST_HESSIAN)
    }
  }
}

/** Of forests: a leaf's value is the share of each class among its rows. */
function share({ targets, weights, gradients, plan }: Arena, { from, to }: Range): void {
  const { rows, outputs } = plan
  for (let row = from; row < to; row++) {
    const weight = weights[row]!
    for (let k = 0; k < outputs; k++) {
      const at = 2 * (k * rows + row)
      gradients[at] = targets[row] === (outputs === 1 ? 1 : k) ? -weight : 0
      gradients[at + 1] = weight
    }
  }
}

function numeric(
  { scores, targets, weights, gradients }: Arena,
  { loss, alpha, scale }: ScaledGradients,
  { from, to }: Range,
): void {
  for (let row = from; row < to; row++) {
    const error = scores[row]! - targets[row]!
    const weight = weights[row]!
    let g = error
    let h = 1
    if (loss === 'absolute') g = Math.sign(error)
    else if (loss === 'huber') g = Math.abs(error) <= scale ? error : scale * Math.sign(error)
    else if (loss === 'quantile') g = error >= 0 ? 1 - alpha : -alpha
    else if (loss === 'poisson') {
      const rate = Math.exp(scores[row]!)
      g = rate - targets[row]!
      h = rate * POISSON_CAUTION
    }
    gradients[2 * row] = weight * g
    gradients[2 * row + 1] = weight * h
  }
}
