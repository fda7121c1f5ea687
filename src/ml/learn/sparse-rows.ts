// One sparse row times the weights of many classes, and its gradient back: where multinomial training on text spends its
// time. With few classes a loop over them costs more than the products in it, so three at a time are kept in registers;
// with many, four entries at a time, so that a score is loaded and stored once for four products.
import type { SparseMatrix } from '../matrix.ts'

export interface Forward {
  readonly parameters: Float64Array
  /** One for each class; the row's scores are added. */
  readonly scores: Float64Array
}

export interface Backward {
  readonly gradient: Float64Array
  readonly residuals: Float64Array
}

/** Up to here, classes are taken in threes. */
const FEW_CLASSES = 9

export function addRowSparse(matrix: SparseMatrix, row: number, forward: Forward): void {
  if (forward.scores.length <= FEW_CLASSES) addRowOfFew(matrix, row, forward)
  else addRowOfMany(matrix, row, forward)
}

export function addGradientSparse(matrix: SparseMatrix, row: number, backward: Backward): void {
  if (backward.residuals.length <= FEW_CLASSES) addGradientOfFew(matrix, row, backward)
  else addGradientOfMany(matrix, row, backward)
}

function addRowOfFew({ offsets, indices, values }: SparseMatrix, row: number, { parameters, scores }: Forward): void {
  const classes = scores.length | 0
  const from = offsets[row]! | 0
  const end = offsets[row + 1]! | 0
  let k = 0
  for (; k + 3 <= classes; k = (k + 3) | 0) {
    let a = scores[k]!
    let b = scores[(k + 1) | 0]!
    let c = scores[(k + 2) | 0]!
    for (let i = from; i < end; i = (i + 1) | 0) {
      const value = values[i]!
      const at = (Math.imul(indices[i]! | 0, classes) + k) | 0
      a += value * parameters[at]!
      b += value * parameters[(at + 1) | 0]!
      c += value * parameters[(at + 2) | 0]!
    }
    scores[k] = a
    scores[(k + 1) | 0] = b
    scores[(k + 2) | 0] = c
  }
  for (; k < classes; k = (k + 1) | 0) {
    let a = scores[k]!
    for (let i = from; i < end; i = (i + 1) | 0) {
      a += values[i]! * parameters[(Math.imul(indices[i]! | 0, classes) + k) | 0]!
    }
    scores[k] = a
  }
}

function addGradientOfFew(matrix: SparseMatrix, row: number, { gradient, residuals }: Backward): void {
  const { offsets, indices, values } = matrix
  const classes = residuals.length | 0
  const from = offsets[row]! | 0
  const end = offsets[row + 1]! | 0
  let k = 0
  for (; k + 3 <= classes; k = (k + 3) | 0) {
    const a = residuals[k]!
    const b = residuals[(k + 1) | 0]!
    const c = residuals[(k + 2) | 0]!
    for (let i = from; i < end; i = (i + 1) | 0) {
      const value = values[i]!
      const at = (Math.imul(indices[i]! | 0, classes) + k) | 0
      gradient[at]! += value * a
      gradient[(at + 1) | 0]! += value * b
      gradient[(at + 2) | 0]! += value * c
    }
  }
  for (; k < classes; k = (k + 1) | 0) {
    const a = residuals[k]!
    for (let i = from; i < end; i = (i + 1) | 0) {
      gradient[(Math.imul(indices[i]! | 0, classes) + k) | 0]! += values[i]! * a
    }
  }
}

function addRowOfMany(matrix: SparseMatrix, row: number, { parameters, scores }: Forward): void {
  const { offsets, indices, values } = matrix
  const classes = scores.length | 0
  const end = offsets[row + 1]! | 0
  let i = offsets[row]! | 0
  for (; i + 4 <= end; i = (i + 4) | 0) {
    const a = values[i]!
    const b = values[(i + 1) | 0]!
    const c = values[(i + 2) | 0]!
    const d = values[(i + 3) | 0]!
    const atA = Math.imul(indices[i]! | 0, classes)
    const atB = Math.imul(indices[(i + 1) | 0]! | 0, classes)
    const atC = Math.imul(indices[(i + 2) | 0]! | 0, classes)
    const atD = Math.imul(indices[(i + 3) | 0]! | 0, classes)
    for (let k = 0; k < classes; k = (k + 1) | 0) {
      const first = a * parameters[(atA + k) | 0]! + b * parameters[(atB + k) | 0]!
      scores[k]! += first + (c * parameters[(atC + k) | 0]! + d * parameters[(atD + k) | 0]!)
    }
  }
  for (; i < end; i = (i + 1) | 0) {
    const value = values[i]!
    const at = Math.imul(indices[i]! | 0, classes)
    for (let k = 0; k < classes; k = (k + 1) | 0) scores[k]! += value * parameters[(at + k) | 0]!
  }
}

function addGradientOfMany(matrix: SparseMatrix, row: number, { gradient, residuals }: Backward): void {
  const { offsets, indices, values } = matrix
  const classes = residuals.length | 0
  const end = offsets[row + 1]! | 0
  for (let i = offsets[row]! | 0; i < end; i = (i + 1) | 0) {
    const value = values[i]!
    const at = Math.imul(indices[i]! | 0, classes)
    for (let k = 0; k < classes; k = (k + 1) | 0) gradient[(at + k) | 0]! += value * residuals[k]!
  }
}
