// Dense rows of many classes, four at a time: their scores, what the softmax makes of them, and the gradient back. Twice: in
// WebAssembly (assembly/softmax.ts), where the build has made it, and here. Both do the same operations in the same order, so
// a model does not depend on which there is. The exponential is computed here too, because Math.exp is another one in
// every engine.
import { type BuiltModule, builtModule } from './web-assembly.ts'

export interface SoftmaxKernel {
  /** Numbers behind each other of one column's weights: the classes, and one more where they are odd in number. */
  readonly stride: number
  /** Room for BLOCK rows: their features, labels and weights. */
  readonly values: Float32Array
  readonly labels: Int32Array
  readonly weights: Float64Array
  /** The weights of each column, then the constants; that of a class that is none is −Infinity. */
  readonly parameters: Float64Array
  /** As the parameters. */
  readonly gradient: Float64Array
  /** Of each row its own score minus the highest, and the sum of all exponentials over that of the highest. */
  readonly said: Float64Array
  /**
   * Adds weight · probability · feature of the first `rows` rows, a multiple of four, to the gradient, and fills `said`.
   * What is a row's own class is not taken off.
   */
  learn(rows: number): void
}

export const BLOCK = 256

interface KernelSize {
  readonly cols: number
  readonly classes: number
}

const FILE = new URL('../../../dist/ml/learn/softmax.wasm', import.meta.url)
/** A file that an older build left behind is not used. */
const VERSION = 1

export function builtSoftmax(): BuiltModule {
  return builtModule(FILE)
}

export function openSoftmax(size: KernelSize, module: BuiltModule): SoftmaxKernel {
  return (module && wasmSoftmax(size, module)) ?? plainSoftmax(size)
}

interface Exports {
  readonly memory: WebAssembly.Memory
  version(): number
  learn(...args: number[]): void
}

const PAGE = 65536

/** Undefined where the file is another version, or its memory cannot be had. */
function wasmSoftmax(size: KernelSize, module: WebAssembly.Module): SoftmaxKernel | undefined {
  try {
    const exports = new WebAssembly.Instance(module, {}).exports as unknown as Exports
    return exports.version() === VERSION ? laidOut(size, exports) : undefined
  } catch {
    return undefined
  }
}

function laidOut({ cols, classes }: KernelSize, { memory, learn }: Exports): SoftmaxKernel {
  const stride = classes + (classes % 2)
  let end = PAGE
  const place = (bytes: number) => {
    const at = end
    end += Math.ceil(bytes / 16) * 16
    return at
  }
  const numbers = (cols + 1) * stride
  const [values, labels, weights] = [place(4 * BLOCK * cols), place(4 * BLOCK), place(8 * BLOCK)]
  const [parameters, gradient] = [place(8 * numbers), place(8 * numbers)]
  const [scores, said] = [place(8 * (4 * stride + 4)), place(16 * BLOCK)]
  memory.grow(Math.ceil(end / PAGE))
  const { buffer } = memory
  return {
    stride,
    values: new Float32Array(buffer, values, BLOCK * cols),
    labels: new Int32Array(buffer, labels, BLOCK),
    weights: new Float64Array(buffer, weights, BLOCK),
    parameters: new Float64Array(buffer, parameters, numbers),
    gradient: new Float64Array(buffer, gradient, numbers),
    said: new Float64Array(buffer, said, 2 * BLOCK),
    learn: (rows) => learn(values, rows, cols, stride, labels, weights, parameters, gradient, scores, said),
  }
}

function plainSoftmax({ cols, classes }: KernelSize): SoftmaxKernel {
  const stride = classes + (classes % 2)
  const numbers = (cols + 1) * stride
  const [parameters, gradient] = [new Float64Array(numbers), new Float64Array(numbers)]
  const values = new Float32Array(BLOCK * cols)
  const labels = new Int32Array(BLOCK)
  const weights = new Float64Array(BLOCK)
  const said = new Float64Array(2 * BLOCK)
  const scores = [0, 1, 2, 3].map(() => new Float64Array(stride)) as unknown as Four<Float64Array>
  const factors: Four<number> = [0, 0, 0, 0]
  return {
    stride,
    values,
    labels,
    weights,
    parameters,
    gradient,
    said,
    learn(rows) {
      for (let row = 0; row < rows; row += 4) {
        const features = [0, 1, 2, 3].map((i) => values.subarray((row + i) * cols, (row + i + 1) * cols))
        const four = features as unknown as Four<Float32Array>
        forward(four, parameters, scores)
        for (let i = 0; i < 4; i++) {
          const own = scores[i]!
          const top = largest(own)
          said[2 * (row + i)] = own[labels[row + i]!]! - top
          const sum = exponentials(own, top)
          said[2 * (row + i) + 1] = sum
          factors[i] = weights[row + i]! / sum
        }
        backward(four, gradient, { scores, factors })
      }
    },
  }
}

type Four<T> = [T, T, T, T]

function forward([a, b, c, d]: Four<Float32Array>, parameters: Float64Array, scores: Four<Float64Array>): void {
  const [s, t, u, v] = scores
  const stride = s.length
  const cols = a.length
  for (const one of scores) one.set(parameters.subarray(cols * stride))
  let j = 0
  for (; j + 2 <= cols; j += 2) {
    const first = j * stride
    for (let k = 0; k < stride; k++) {
      const x = parameters[first + k]!
      const y = parameters[first + stride + k]!
      s[k]! += a[j]! * x + a[j + 1]! * y
      t[k]! += b[j]! * x + b[j + 1]! * y
      u[k]! += c[j]! * x + c[j + 1]! * y
      v[k]! += d[j]! * x + d[j + 1]! * y
    }
  }
  if (j === cols) return
  for (let k = 0; k < stride; k++) {
    const x = parameters[j * stride + k]!
    s[k]! += a[j]! * x
    t[k]! += b[j]! * x
    u[k]! += c[j]! * x
    v[k]! += d[j]! * x
  }
}

function largest(scores: Float64Array): number {
  let top = Number.NEGATIVE_INFINITY
  for (let k = 0; k < scores.length; k++) if (scores[k]! > top) top = scores[k]!
  return top
}

/** ln 2 in two parts, the first short enough to be multiplied without rounding (Cody and Waite 1980). */
const LN2_HIGH = 6.931471803691238e-1
const LN2_LOW = 1.9082149292705877e-10
/** What is smaller adds nothing to a sum of at least 1. */
const LEAST = -700
const POWERS = Float64Array.from({ length: 1 - 2 * LEAST }, (_, m) => 2 ** -m)

/**
 * Puts exp(score − top) in place of each score, `top` being the highest; answers their sum, even and odd places apart. The
 * approximation is that of FreeBSD's e_exp.c, to one unit in the last place.
 */
function exponentials(scores: Float64Array, top: number): number {
  let even = 0
  let odd = 0
  for (let k = 0; k < scores.length; k++) {
    const x = scores[k]! - top
    let value = 0
    if (!(x < LEAST)) {
      const m = Math.floor(0.5 - x * Math.LOG2E)
      const high = x + m * LN2_HIGH
      const low = m * -LN2_LOW
      const r = high - low
      const t = r * r
      const p =
        1.6666666666666602e-1 +
        t *
          (-2.7777777777015593e-3 +
            t * (6.613756321437934e-5 + t * (-1.6533902205465252e-6 + t * 4.1381367970572385e-8)))
      const c = r - t * p
      value = (1 - (low - (r * c) / (2 - c) - high)) * (POWERS[m] ?? Number.NaN)
    }
    scores[k] = value
    if (k % 2 === 0) even += value
    else odd += value
  }
  return even + odd
}

interface Back {
  readonly scores: Four<Float64Array>
  readonly factors: Four<number>
}

function backward(features: Four<Float32Array>, gradient: Float64Array, { scores, factors }: Back): void {
  const [s, t, u, v] = scores
  const [a, b, c, d] = features
  const [f0, f1, f2, f3] = factors
  const stride = s.length
  for (let j = 0; j <= a.length; j++) {
    const isConstant = j === a.length
    const [x, y] = isConstant ? [f0, f1] : [f0 * a[j]!, f1 * b[j]!]
    const [z, w] = isConstant ? [f2, f3] : [f2 * c[j]!, f3 * d[j]!]
    const at = j * stride
    for (let k = 0; k < stride; k++) gradient[at + k]! += x * s[k]! + y * t[k]! + (z * u[k]! + w * v[k]!)
  }
}
