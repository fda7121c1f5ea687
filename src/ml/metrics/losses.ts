// The two scores of a probability, row by row.
import type { ClassificationInput } from './classification.ts'

const SMALLEST_PROBABILITY = 1e-15

export interface RowLosses {
  /** −log of the probability of the true class, the probabilities of the row brought to a sum of 1. */
  readonly log_loss: Float64Array
  /** Squared error of the second class's probability; for more classes summed over them (Brier 1950). */
  readonly brier: Float64Array
}

export function rowLosses({ labels, probabilities, classes }: ClassificationInput): RowLosses {
  const width = classes.length
  const log_loss = new Float64Array(labels.length)
  const brier = new Float64Array(labels.length)
  for (let row = 0; row < labels.length; row++) {
    let total = 0
    let squares = 0
    for (let k = 0; k < width; k++) {
      const probability = probabilities[row * width + k]!
      total += probability
      squares += (probability - (labels[row] === k ? 1 : 0)) ** 2
    }
    brier[row] = squares / (width === 2 ? 2 : 1)
    const own = probabilities[row * width + labels[row]!]! / total
    log_loss[row] = -Math.log(Math.min(1 - SMALLEST_PROBABILITY, Math.max(SMALLEST_PROBABILITY, own)))
  }
  return { log_loss, brier }
}
