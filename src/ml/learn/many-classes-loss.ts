// The softmax loss of dense rows and many classes: what takes the time is softmax-kernel.ts, block by block.
import type { DenseMatrix } from '../matrix.ts'
import { addPenalty, interceptTail, type LossInput } from './logistic-loss.ts'
import type { Objective } from './minimise.ts'
import { BLOCK, builtSoftmax, openSoftmax, type SoftmaxKernel } from './softmax-kernel.ts'
import type { BuiltModule } from './web-assembly.ts'

interface ManyClasses extends LossInput {
  readonly matrix: DenseMatrix
  readonly labels: Int32Array
  readonly classes: number
  /** Default: what the build has made. */
  readonly module?: BuiltModule
}

/** As softmaxLoss, which says what the parameters are. */
export function manyClassesLoss(input: ManyClasses): Objective {
  const { matrix, totalWeight, l2, intercept, classes, module = builtSoftmax() } = input
  const { rows, cols } = matrix
  const kernel = openSoftmax({ cols, classes }, module)
  const penalised = cols * classes
  const size = penalised + (intercept ? classes : 0)
  const scale = 1 / totalWeight
  const known = ofOwnClasses(input, size)
  // What stands for no class is never probable; without an intercept all constants are zero.
  const constants = kernel.parameters.subarray(cols * kernel.stride)
  constants.fill(0)
  constants.fill(Number.NEGATIVE_INFINITY, classes)
  return {
    size,
    tail: interceptTail({ matrix, totalWeight, l2 }, { from: penalised, steepness: (1 - 1 / classes) / classes }),
    evaluate(at, gradient) {
      const lines = size / classes
      for (let j = 0; j < lines; j++) {
        kernel.parameters.set(at.subarray(j * classes, (j + 1) * classes), j * kernel.stride)
        kernel.gradient.set(known.subarray(j * classes, (j + 1) * classes), j * kernel.stride)
      }
      let loss = 0
      for (let from = 0; from < rows; from += BLOCK) loss += learnBlock(kernel, input, from)
      for (let j = 0; j < lines; j++) {
        gradient.set(kernel.gradient.subarray(j * kernel.stride, j * kernel.stride + classes), j * classes)
      }
      const penalty = addPenalty(at, gradient, { count: penalised, l2, scale })
      for (let i = penalised; i < size; i++) gradient[i]! *= scale
      return loss * scale + penalty
    },
  }
}

/** The part of the gradient that no parameter changes: −weight · feature, where the class is the row's own. */
function ofOwnClasses({ matrix, labels, weights, classes, intercept }: ManyClasses, size: number): Float64Array {
  const { rows, cols, values } = matrix
  const known = new Float64Array(size)
  for (let row = 0; row < rows; row++) {
    const weight = weights ? weights[row]! : 1
    const label = labels[row]!
    for (let j = 0; j < cols; j++) known[j * classes + label]! -= weight * values[row * cols + j]!
    if (intercept) known[cols * classes + label]! -= weight
  }
  return known
}

/** The loss of up to BLOCK rows; what is missing to a multiple of four is rows without weight. */
function learnBlock(kernel: SoftmaxKernel, { matrix, labels, weights }: ManyClasses, from: number): number {
  const { cols, rows } = matrix
  const count = Math.min(BLOCK, rows - from)
  const filled = Math.ceil(count / 4) * 4
  kernel.values.fill(0, count * cols, filled * cols)
  kernel.values.set(matrix.values.subarray(from * cols, (from + count) * cols))
  kernel.labels.fill(0, count, filled)
  kernel.labels.set(labels.subarray(from, from + count))
  kernel.weights.fill(0, count, filled)
  if (weights) kernel.weights.set(weights.subarray(from, from + count))
  else kernel.weights.fill(1, 0, count)
  kernel.learn(filled)
  let loss = 0
  for (let i = 0; i < count; i++) {
    loss += kernel.weights[i]! * (Math.log(kernel.said[2 * i + 1]!) - kernel.said[2 * i]!)
  }
  return loss
}
