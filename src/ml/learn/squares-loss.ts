// Half the squared error per unit of weight, for linear regression with an L1 penalty.
import { addPenalty, interceptTail, type LossInput } from './logistic-loss.ts'
import type { Objective } from './minimise.ts'
import { addTransposed, blockRows, timesVector } from './products.ts'

/** (Σ wᵢ·(xᵢβ + β₀ − yᵢ)²/2 + l2/2·‖β‖²) / Σ wᵢ; parameters as for logisticLoss. */
export function squaresLoss(input: LossInput, targets: Float64Array): Objective {
  const { matrix, weights, totalWeight, l2, intercept } = input
  const { rows, cols } = matrix
  const step = blockRows(matrix)
  const residuals = new Float64Array(step)
  const scale = 1 / totalWeight
  return {
    size: cols + (intercept ? 1 : 0),
    tail: interceptTail(input, { from: cols, steepness: 1 }),
    evaluate(at, gradient) {
      const start = intercept ? at[cols]! : 0
      let loss = 0
      let sum = 0
      gradient.fill(0)
      for (let from = 0; from < rows; from += step) {
        const to = Math.min(rows, from + step)
        timesVector(matrix, at, residuals, { from, to, start })
        for (let row = from; row < to; row++) {
          const error = residuals[row - from]! - targets[row]!
          const weighted = weights ? weights[row]! * error : error
          loss += 0.5 * weighted * error
          sum += weighted
          residuals[row - from] = weighted
        }
        addTransposed(matrix, residuals, gradient, { from, to })
      }
      const penalty = addPenalty(at, gradient, { count: cols, l2, scale })
      if (intercept) gradient[cols] = sum * scale
      return loss * scale + penalty
    },
  }
}
