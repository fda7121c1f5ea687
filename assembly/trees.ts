// The inner loops of src/ml/learn/trees in AssemblyScript with SIMD: the same additions in the same order as kernel.ts and
// split.ts, so both give the same trees to the last bit. A gradient and its Hessian are the two lanes of one vector. Works on
// memory that the caller lays out; allocates nothing.

/** Must be that of kernel-wasm.ts; raised whenever a signature changes. */
export function version(): i32 {
  return 3
}

/** Rows that are fetched together before they are added. */
const BATCH = 32

/**
 * See Kernel.histogram. `order` and `gradients` are those of the leaf and of the output. `places` has room for a number a
 * feature: where its bins are in memory.
 */
export function histogram(
  order: usize,
  count: i32,
  gradients: usize,
  bins: usize,
  width: i32,
  from: i32,
  to: i32,
  offsets: usize,
  histogram: usize,
  places: usize,
): i32 {
  const first = (<usize>load<u32>(offsets + ((<usize>from) << 2))) << 4
  const last = (<usize>load<u32>(offsets + ((<usize>to) << 2))) << 4
  memory.fill(histogram + first, 0, last - first)
  for (let feature = from; feature < to; feature++) {
    const at = (<usize>feature) << 2
    store<u32>(places + at, <u32>(histogram + ((<usize>load<u32>(offsets + at)) << 4)))
  }
  const fours = places + ((<usize>(from + ((to - from) & ~3))) << 2)
  const stop = places + ((<usize>to) << 2)
  const start = places + ((<usize>from) << 2)
  const base = bins + <usize>from
  const end = order + ((<usize>count) << 2)
  let touched = 0
  while (order < end) {
    const batch = min(order + (BATCH << 2), end)
    // The processor waits for several rows of memory at once where nothing stands between the loads; there is no instruction
    // that fetches ahead.
    for (let at = order; at < batch; at += 4) {
      const row = <usize>load<u32>(at)
      touched ^= <i32>load<u8>(base + row * <usize>width) ^ <i32>load<u8>(gradients + (row << 3))
    }
    while (order < batch) {
      const row = <usize>load<u32>(order)
      const pair = f64x2.promote_low_f32x4(v128.load64_zero(gradients + (row << 3)))
      let bin = base + row * <usize>width
      let at = start
      while (at < fours) {
        const four = load<u32>(bin)
        const a = <usize>(load<u32>(at) + ((four << 4) & 0xff0))
        v128.store(a, f64x2.add(v128.load(a), pair))
        const b = <usize>(load<u32>(at, 4) + ((four >> 4) & 0xff0))
        v128.store(b, f64x2.add(v128.load(b), pair))
        const c = <usize>(load<u32>(at, 8) + ((four >> 12) & 0xff0))
        v128.store(c, f64x2.add(v128.load(c), pair))
        const d = <usize>(load<u32>(at, 12) + ((four >> 20) & 0xff0))
        v128.store(d, f64x2.add(v128.load(d), pair))
        bin += 4
        at += 16
      }
      while (at < stop) {
        const a = <usize>(load<u32>(at) + ((<u32>load<u8>(bin)) << 4))
        v128.store(a, f64x2.add(v128.load(a), pair))
        bin += 1
        at += 4
      }
      order += 4
    }
  }
  return touched
}

/** See Kernel.subtract: `count` bins from `whole` and `part` on. */
export function subtract(whole: usize, part: usize, count: i32): void {
  const end = whole + ((<usize>count) << 4)
  while (whole < end) {
    v128.store(whole, f64x2.sub(v128.load(whole), v128.load(part)))
    whole += 16
    part += 16
  }
}

/** See Kernel.add: `count` bins to `whole` from `part` on. */
export function add(whole: usize, part: usize, count: i32): void {
  const end = whole + ((<usize>count) << 4)
  while (whole < end) {
    v128.store(whole, f64x2.add(v128.load(whole), v128.load(part)))
    whole += 16
    part += 16
  }
}

/** See Kernel.part: `order` and `spare` are those of the rows. */
export function part(order: usize, count: i32, column: usize, sides: usize, spare: usize): i32 {
  const end = order + ((<usize>count) << 2)
  let left = spare
  let right = spare + ((<usize>(count - 1)) << 2)
  while (order < end) {
    const row = load<u32>(order)
    const side = <usize>load<u8>(sides + <usize>load<u8>(column + <usize>row))
    store<u32>(left, row)
    store<u32>(right, row)
    left += side << 2
    right -= (1 - side) << 2
    order += 4
  }
  return <i32>((left - spare) >> 2)
}

/** See Kernel.divide. `column` holds the bin of every row; `spare` has room for the leaf's rows. */
export function divide(order: usize, count: i32, column: usize, sides: usize, spare: usize): i32 {
  const end = order + ((<usize>count) << 2)
  let at = order
  let left = order
  let right = spare
  while (at < end) {
    const row = load<u32>(at)
    const side = <usize>load<u8>(sides + <usize>load<u8>(column + <usize>row))
    store<u32>(left, row)
    store<u32>(right, row)
    left += side << 2
    right += (1 - side) << 2
    at += 4
  }
  memory.copy(left, spare, right - spare)
  return <i32>((left - order) >> 2)
}

/** See scanPlain in split.ts: `histogram` starts at the feature's first bin, `missing` is -1 for none. */
export function scan(
  histogram: usize,
  bins: i32,
  missing: i32,
  gradient: f64,
  hessian: f64,
  l2: f64,
  least: f64,
  whole: f64,
  record: usize,
): void {
  const most = hessian - least
  const end = bins - 1
  const total = f64x2.replace_lane(f64x2.splat(gradient), 1, hessian)
  const penalty = f64x2.splat(l2)
  const gap = missing >= 0 ? v128.load(histogram + ((<usize>missing) << 4)) : f64x2.splat(0)
  let best = whole
  let bestBin = -1
  let bestSide = 0
  let bestSums = f64x2.splat(0)
  let sums = f64x2.splat(0)
  for (let bin = 0; bin < end; bin++) {
    const own = v128.load(histogram + ((<usize>bin) << 4))
    // Without rows nothing changes, but for missing values beside the first bin.
    if (bin > 0 && !v128.any_true(own)) continue
    sums = f64x2.add(sums, own)
    const h = f64x2.extract_lane(sums, 1)
    if (h >= least && h <= most) {
      const gain = gainOf(sums, total, penalty)
      if (gain > best) {
        best = gain
        bestBin = bin
        bestSide = 0
        bestSums = sums
      }
    }
    if (missing < 0) {
      if (h > most) break
      continue
    }
    const withGap = f64x2.add(sums, gap)
    const withH = f64x2.extract_lane(withGap, 1)
    if (withH < least || withH > most) continue
    const gain = gainOf(withGap, total, penalty)
    if (gain > best) {
      best = gain
      bestBin = bin
      bestSide = 1
      bestSums = withGap
    }
  }
  if (bestBin < 0) return
  store<f64>(record, best - whole)
  store<f64>(record, <f64>bestBin, 8)
  store<f64>(record, <f64>bestSide, 16)
  store<f64>(record, f64x2.extract_lane(bestSums, 0), 24)
  store<f64>(record, f64x2.extract_lane(bestSums, 1), 32)
}

/** Both parts' gains in one division. */
function gainOf(left: v128, total: v128, penalty: v128): f64 {
  const right = f64x2.sub(total, left)
  // (gradient left, gradient right) and (Hessian left, Hessian right)
  const g = v128.shuffle<f64>(left, right, 0, 2)
  const h = v128.shuffle<f64>(left, right, 1, 3)
  const gains = f64x2.div(f64x2.mul(g, g), f64x2.add(h, penalty))
  return f64x2.extract_lane(gains, 0) + f64x2.extract_lane(gains, 1)
}
