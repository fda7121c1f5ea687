// The inner loops of src/ml/learn/softmax-kernel.ts in AssemblyScript with SIMD: the same operations in the same order, so both
// give the same gradient to the last bit. Two classes are the two lanes of one vector. Works on memory that the caller lays
// out; allocates nothing.

/** Must be that of softmax-kernel.ts; raised whenever a signature changes. */
export function version(): i32 {
  return 1
}

/** Rows that are taken together. */
const ROWS: i32 = 4

/** See SoftmaxKernel.learn. `classes` is even; behind the four rows of `scores` there is room for four numbers. */
export function learn(
  values: usize,
  rows: i32,
  cols: i32,
  classes: i32,
  labels: usize,
  weights: usize,
  parameters: usize,
  gradient: usize,
  scores: usize,
  said: usize,
): void {
  const width = (<usize>classes) << 3
  const rowBytes = (<usize>cols) << 2
  const factors = scores + <usize>ROWS * width
  for (let row = 0; row < rows; row += ROWS) {
    const features = values + <usize>row * rowBytes
    forward(features, rowBytes, parameters, width, scores)
    for (let i = 0; i < ROWS; i++) {
      const own = scores + <usize>i * width
      const at = (<usize>(row + i)) << 3
      const label = <usize>load<i32>(labels + (at >> 1))
      const top = largest(own, width)
      store<f64>(said + (at << 1), load<f64>(own + (label << 3)) - top)
      const sum = exponentials(own, width, top)
      store<f64>(said + (at << 1), sum, 8)
      store<f64>(factors + ((<usize>i) << 3), load<f64>(weights + at) / sum)
    }
    backward(features, rowBytes, gradient, width, scores)
  }
}

/** The scores of four rows: the constants, then two columns at a time, then the last one. */
function forward(features: usize, rowBytes: usize, parameters: usize, width: usize, scores: usize): void {
  const constants = parameters + (rowBytes >> 2) * width
  for (let i = 0; i < ROWS; i++) memory.copy(scores + <usize>i * width, constants, width)
  const second = features + rowBytes
  const third = second + rowBytes
  const fourth = third + rowBytes
  let weights = parameters
  let column: usize = 0
  for (; column + 8 <= rowBytes; column += 8) {
    const a0 = f64x2.splat(<f64>load<f32>(features + column))
    const a1 = f64x2.splat(<f64>load<f32>(features + column, 4))
    const b0 = f64x2.splat(<f64>load<f32>(second + column))
    const b1 = f64x2.splat(<f64>load<f32>(second + column, 4))
    const c0 = f64x2.splat(<f64>load<f32>(third + column))
    const c1 = f64x2.splat(<f64>load<f32>(third + column, 4))
    const d0 = f64x2.splat(<f64>load<f32>(fourth + column))
    const d1 = f64x2.splat(<f64>load<f32>(fourth + column, 4))
    const end = weights + width
    let score = scores
    for (; weights < end; weights += 16, score += 16) {
      const v = v128.load(weights)
      const w = v128.load(weights + width)
      add(score, f64x2.add(f64x2.mul(a0, v), f64x2.mul(a1, w)))
      add(score + width, f64x2.add(f64x2.mul(b0, v), f64x2.mul(b1, w)))
      add(score + 2 * width, f64x2.add(f64x2.mul(c0, v), f64x2.mul(c1, w)))
      add(score + 3 * width, f64x2.add(f64x2.mul(d0, v), f64x2.mul(d1, w)))
    }
    weights += width
  }
  if (column === rowBytes) return
  const a = f64x2.splat(<f64>load<f32>(features + column))
  const b = f64x2.splat(<f64>load<f32>(second + column))
  const c = f64x2.splat(<f64>load<f32>(third + column))
  const d = f64x2.splat(<f64>load<f32>(fourth + column))
  let score = scores
  for (; weights < constants; weights += 16, score += 16) {
    const v = v128.load(weights)
    add(score, f64x2.mul(a, v))
    add(score + width, f64x2.mul(b, v))
    add(score + 2 * width, f64x2.mul(c, v))
    add(score + 3 * width, f64x2.mul(d, v))
  }
}

function add(at: usize, vector: v128): void {
  v128.store(at, f64x2.add(v128.load(at), vector))
}

function largest(scores: usize, width: usize): f64 {
  let top = f64x2.splat(-Infinity)
  for (let at = scores; at < scores + width; at += 16) top = f64x2.pmax(top, v128.load(at))
  return max(f64x2.extract_lane(top, 0), f64x2.extract_lane(top, 1))
}

function exponentials(scores: usize, width: usize, top: f64): f64 {
  const least = f64x2.splat(-700)
  const one = f64x2.splat(1)
  let sum = f64x2.splat(0)
  for (let at = scores; at < scores + width; at += 16) {
    const given = f64x2.sub(v128.load(at), f64x2.splat(top))
    const x = f64x2.pmax(given, least)
    const m = f64x2.floor(f64x2.sub(f64x2.splat(0.5), f64x2.mul(x, f64x2.splat(Math.LOG2E))))
    const high = f64x2.add(x, f64x2.mul(m, f64x2.splat(6.931471803691238e-1)))
    const low = f64x2.mul(m, f64x2.splat(-1.9082149292705877e-10))
    const r = f64x2.sub(high, low)
    const t = f64x2.mul(r, r)
    let p = f64x2.add(f64x2.splat(-1.6533902205465252e-6), f64x2.mul(t, f64x2.splat(4.1381367970572385e-8)))
    p = f64x2.add(f64x2.splat(6.613756321437934e-5), f64x2.mul(t, p))
    p = f64x2.add(f64x2.splat(-2.7777777777015593e-3), f64x2.mul(t, p))
    p = f64x2.add(f64x2.splat(1.6666666666666602e-1), f64x2.mul(t, p))
    const c = f64x2.sub(r, f64x2.mul(t, p))
    const ratio = f64x2.div(f64x2.mul(r, c), f64x2.sub(f64x2.splat(2), c))
    const near = f64x2.sub(one, f64x2.sub(f64x2.sub(low, ratio), high))
    const exponent = i64x2.extend_low_i32x4_s(i32x4.trunc_sat_f64x2_s_zero(m))
    const power = i64x2.shl(i64x2.sub(i64x2.splat(1023), exponent), 52)
    const value = v128.andnot(f64x2.mul(near, power), f64x2.lt(given, least))
    v128.store(at, value)
    sum = f64x2.add(sum, value)
  }
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1)
}

/** The gradient of four rows: two columns at a time, the last one, then the constants. */
function backward(features: usize, rowBytes: usize, gradient: usize, width: usize, scores: usize): void {
  const factors = scores + <usize>ROWS * width
  const f0 = load<f64>(factors)
  const f1 = load<f64>(factors, 8)
  const f2 = load<f64>(factors, 16)
  const f3 = load<f64>(factors, 24)
  const second = features + rowBytes
  const third = second + rowBytes
  const fourth = third + rowBytes
  let slopes = gradient
  let column: usize = 0
  for (; column + 8 <= rowBytes; column += 8) {
    const a0 = f64x2.splat(f0 * <f64>load<f32>(features + column))
    const a1 = f64x2.splat(f0 * <f64>load<f32>(features + column, 4))
    const b0 = f64x2.splat(f1 * <f64>load<f32>(second + column))
    const b1 = f64x2.splat(f1 * <f64>load<f32>(second + column, 4))
    const c0 = f64x2.splat(f2 * <f64>load<f32>(third + column))
    const c1 = f64x2.splat(f2 * <f64>load<f32>(third + column, 4))
    const d0 = f64x2.splat(f3 * <f64>load<f32>(fourth + column))
    const d1 = f64x2.splat(f3 * <f64>load<f32>(fourth + column, 4))
    const end = slopes + width
    for (let score = scores; slopes < end; slopes += 16, score += 16) {
      const x = v128.load(score)
      const y = v128.load(score + width)
      const z = v128.load(score + 2 * width)
      const w = v128.load(score + 3 * width)
      add(
        slopes,
        f64x2.add(f64x2.add(f64x2.mul(a0, x), f64x2.mul(b0, y)), f64x2.add(f64x2.mul(c0, z), f64x2.mul(d0, w))),
      )
      const other = slopes + width
      add(
        other,
        f64x2.add(f64x2.add(f64x2.mul(a1, x), f64x2.mul(b1, y)), f64x2.add(f64x2.mul(c1, z), f64x2.mul(d1, w))),
      )
    }
    slopes += width
  }
  if (column < rowBytes) {
    const a = f0 * <f64>load<f32>(features + column)
    const b = f1 * <f64>load<f32>(second + column)
    const c = f2 * <f64>load<f32>(third + column)
    const d = f3 * <f64>load<f32>(fourth + column)
    single(slopes, width, scores, a, b, c, d)
    slopes += width
  }
  single(slopes, width, scores, f0, f1, f2, f3)
}

function single(slopes: usize, width: usize, scores: usize, a: f64, b: f64, c: f64, d: f64): void {
  for (let score = scores; score < scores + width; score += 16, slopes += 16) {
    const first = f64x2.add(
      f64x2.mul(f64x2.splat(a), v128.load(score)),
      f64x2.mul(f64x2.splat(b), v128.load(score + width)),
    )
    const last = f64x2.add(
      f64x2.mul(f64x2.splat(c), v128.load(score + 2 * width)),
      f64x2.mul(f64x2.splat(d), v128.load(score + 3 * width)),
    )
    add(slopes, f64x2.add(first, last))
  }
}
