// Solves A·x = b for a symmetric positive definite A by Cholesky's decomposition (Golub and Van Loan, algorithm 4.2.1).

/**
 * `a` is size × size, row-major, of which the lower triangle is read and overwritten by the factor; `b` is overwritten by
 * the solution. False, with both spoilt, where A is not positive definite to working precision.
 */
export function solveCholesky(a: Float64Array, b: Float64Array): boolean {
  const size = b.length
  return factorise(a, size) && substitute(a, b)
}

function factorise(a: Float64Array, size: number): boolean {
  for (let i = 0; i < size; i++) {
    const rowI = i * size
    for (let j = 0; j <= i; j++) {
      const rowJ = j * size
      let sum = a[rowI + j]!
      for (let k = 0; k < j; k++) sum -= a[rowI + k]! * a[rowJ + k]!
      if (j < i) {
        a[rowI + j] = sum / a[rowJ + j]!
        continue
      }
      // Below this the pivot is rounding error of the diagonal it came from: the columns depend on each other.
      if (!(sum > size * Number.EPSILON * a[rowI + i]!)) return false
      a[rowI + i] = Math.sqrt(sum)
    }
  }
  return true
}

function substitute(factor: Float64Array, b: Float64Array): true {
  const size = b.length
  for (let i = 0; i < size; i++) {
    let sum = b[i]!
    for (let k = 0; k < i; k++) sum -= factor[i * size + k]! * b[k]!
    b[i] = sum / factor[i * size + i]!
  }
  for (let i = size - 1; i >= 0; i--) {
    let sum = b[i]!
    for (let k = i + 1; k < size; k++) sum -= factor[k * size + i]! * b[k]!
    b[i] = sum / factor[i * size + i]!
  }
  return true
}
