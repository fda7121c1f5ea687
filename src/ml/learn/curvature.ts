// What L-BFGS remembers of the curvature: the last few steps and gradient changes, and the two-loop recursion over them
// (Nocedal 1980; Nocedal and Wright 2006, algorithm 7.4). Each update of the direction is fused with the next dot
// product, because with millions of parameters (text, many classes) the recursion waits for memory, not for arithmetic.

export interface Curvature {
  /** Takes the step s = to − from and the gradient change y over it; ignored where s·y is not safely positive. */
  remember(step: Difference, change: Difference): void
  /** Turns a gradient, in place, into −H·gradient, a direction of descent. */
  toDirection(gradient: Float64Array): void
  /** Forgets everything: the next direction is the steepest. */
  forget(): void
  readonly pairs: number
}

export interface Difference {
  readonly to: Float64Array
  readonly from: Float64Array
}

export interface CurvatureOptions {
  readonly memory: number
  /**
   * The first guess of the inverse Hessian is a multiple of the identity, but `factor` times that from entry `from` on.
   * An intercept is steeper than a rare word by orders of magnitude; telling so halves the iterations on text.
   */
  readonly tail?: Tail
}

export interface Tail {
  readonly from: number
  readonly factor: number
}

export function createCurvature(
  size: number,
  { memory, tail = { from: size, factor: 1 } }: CurvatureOptions,
): Curvature {
  const steps: Float64Array[] = []
  const changes: Float64Array[] = []
  const inverses: number[] = []
  const alphas = new Float64Array(memory)
  let scale = 1

  return {
    get pairs() {
      return steps.length
    },
    remember(step, change) {
      const full = steps.length === memory
      const s = full ? steps.shift()! : new Float64Array(size)
      const y = full ? changes.shift()! : new Float64Array(size)
      if (full) inverses.shift()
      subtract(s, step)
      const { product, square } = subtractChange(y, change, { s, tail })
      if (!(product > Number.EPSILON * square)) return
      steps.push(s)
      changes.push(y)
      inverses.push(1 / product)
      scale = product / square
    },
    toDirection(gradient) {
      const count = steps.length
      if (count === 0) {
        for (let i = 0; i < size; i++) gradient[i] = -gradient[i]!
        for (let i = tail.from; i < size; i++) gradient[i]! *= tail.factor
        return
      }
      let product = dot(steps[count - 1]!, gradient)
      for (let k = count - 1; k >= 0; k--) {
        const alpha = inverses[k]! * product
        alphas[k] = alpha
        if (k > 0) product = addThenDot(gradient, { vector: changes[k]!, factor: -alpha, next: steps[k - 1]! })
      }
      product = finishFirstLoop(gradient, { y: changes[0]!, alpha: alphas[0]!, scale, tail })
      for (let k = 0; k < count; k++) {
        const factor = -(alphas[k]! + inverses[k]! * product)
        const next = changes[k + 1]
        if (next) product = addThenDot(gradient, { vector: steps[k]!, factor, next })
        else add(gradient, steps[k]!, factor)
      }
    },
    forget() {
      steps.length = changes.length = inverses.length = 0
      scale = 1
    },
  }
}

function subtract(out: Float64Array, { to, from }: Difference): void {
  for (let i = 0; i < out.length; i++) out[i] = to[i]! - from[i]!
}

/** y ← to − from; answers s·y and y·Dy, with D the shape of the first guess. */
function subtractChange(
  y: Float64Array,
  { to, from }: Difference,
  { s, tail }: { s: Float64Array; tail: Tail },
): { product: number; square: number } {
  let product = 0
  let square = 0
  for (let i = 0; i < y.length; i++) {
    const value = to[i]! - from[i]!
    y[i] = value
    product += value * s[i]!
    square += value * value
  }
  for (let i = tail.from; i < y.length; i++) square += (tail.factor - 1) * y[i]! * y[i]!
  return { product, square }
}

interface Turn {
  readonly y: Float64Array
  readonly alpha: number
  readonly scale: number
  readonly tail: Tail
}

/** q ← −scale·D(q − alpha·y), and y·q of the result. */
function finishFirstLoop(q: Float64Array, { y, alpha, scale, tail }: Turn): number {
  let product = 0
  for (let i = 0; i < q.length; i++) {
    const change = y[i]!
    const value = scale * (alpha * change - q[i]!)
    q[i] = value
    product += change * value
  }
  for (let i = tail.from; i < q.length; i++) {
    product += (tail.factor - 1) * q[i]! * y[i]!
    q[i]! *= tail.factor
  }
  return product
}

/** q ← q + factor·vector, and next·q of the result. */
function addThenDot(
  q: Float64Array,
  { vector, factor, next }: { vector: Float64Array; factor: number; next: Float64Array },
): number {
  let product = 0
  for (let i = 0; i < q.length; i++) {
    const value = q[i]! + factor * vector[i]!
    q[i] = value
    product += next[i]! * value
  }
  return product
}

function add(q: Float64Array, vector: Float64Array, factor: number): void {
  for (let i = 0; i < q.length; i++) q[i]! += factor * vector[i]!
}

export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
