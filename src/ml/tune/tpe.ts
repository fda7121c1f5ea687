// Where to try next: the tree-structured Parzen estimator (Bergstra, Bardenet, Bengio, Kégl 2011). The points tried so far
// are divided into a few good ones and the rest; of points drawn near the good ones, the one that is likeliest among the
// good and unlikeliest among the rest is tried. Parameters are taken to be independent, as in the paper.
import type { Random } from '../../core/random.ts'
import { type Point, randomPoint, type Space } from './space.ts'

export interface Tried {
  readonly point: Point
  /** Lower is better. */
  readonly loss: number
}

/** Points drawn near the good ones for each suggestion. */
const DRAWS = 24
/** Points tried at random before there is something to learn from. */
const RANDOM_START = 8
const GOOD_SHARE = 0.1
const MAX_GOOD = 20

export function suggest(space: Space, tried: readonly Tried[], random: Random): number[] {
  const known = tried.filter(({ loss }) => Number.isFinite(loss)).sort((a, b) => a.loss - b.loss)
  if (known.length < RANDOM_START) return randomPoint(space, random)
  const count = Math.min(MAX_GOOD, Math.max(2, Math.ceil(GOOD_SHARE * known.length)))
  const good = known.slice(0, count)
  const rest = known.slice(count)
  return space.map((parameter, i) => {
    const [near, far] = [good, rest].map((some) => some.map(({ point }) => point[i]!))
    if (parameter.scale === 'choice') return suggestChoice(parameter.values.length, { near: near!, far: far! }, random)
    return suggestPlace({ near: near!, far: far! }, random)
  })
}

interface Sides {
  readonly near: readonly number[]
  readonly far: readonly number[]
}

function suggestPlace({ near, far }: Sides, random: Random): number {
  const good = parzen(near)
  const rest = parzen(far)
  let best = 0
  let bestScore = Number.NEGATIVE_INFINITY
  for (let i = 0; i < DRAWS; i++) {
    const at = draw(good, random)
    const score = Math.log(density(good, at)) - Math.log(density(rest, at))
    if (score > bestScore) {
      best = at
      bestScore = score
    }
  }
  return best
}

/**
 * Drawn in proportion to how much more frequent a value is among the good ones, each counted once more than it occurred.
 * The paper takes the best of many draws; with a handful of values that is always the same one.
 */
function suggestChoice(values: number, { near, far }: Sides, random: Random): number {
  const share = (some: readonly number[], value: number) =>
    (some.filter((one) => one === value).length + 1) / (some.length + values)
  const weights = Array.from({ length: values }, (_, value) => share(near, value) / share(far, value))
  let rest = random.next() * weights.reduce((sum, weight) => sum + weight, 0)
  for (let value = 0; value < values - 1; value++) {
    rest -= weights[value]!
    if (rest < 0) return value
  }
  return values - 1
}

interface Kernel {
  readonly centre: number
  readonly width: number
}

/** Narrowest kernel: a hundredth of the range, or less than one point a kernel. */
const MIN_WIDTH = 0.01

/** A kernel around every point, as wide as the way to its farther neighbour, and a broad one that stands for not knowing. */
function parzen(points: readonly number[]): Kernel[] {
  const sorted = [...points].sort((a, b) => a - b)
  const narrowest = Math.max(MIN_WIDTH, 1 / (1 + points.length) / 4)
  const kernels = sorted.map((centre, i) => {
    const before = centre - (sorted[i - 1] ?? 0)
    const after = (sorted[i + 1] ?? 1) - centre
    return { centre, width: Math.min(1, Math.max(narrowest, before, after)) }
  })
  return [...kernels, { centre: 0.5, width: 1 }]
}

/** Normal kernels of equal weight, cut off at the ends of the unit interval. */
function density(kernels: readonly Kernel[], at: number): number {
  let sum = 0
  for (const { centre, width } of kernels) {
    const inside = normalShare((1 - centre) / width) - normalShare(-centre / width)
    sum += Math.exp(-0.5 * ((at - centre) / width) ** 2) / (width * inside)
  }
  return sum / kernels.length
}

function draw(kernels: readonly Kernel[], random: Random): number {
  const { centre, width } = kernels[random.integer(kernels.length)]!
  for (;;) {
    const at = centre + width * random.normal()
    if (at >= 0 && at <= 1) return at
  }
}

/** Φ to within 8e-5 by the logistic approximation of Bowling et al. (2009): it only scales kernels. */
function normalShare(z: number): number {
  return 1 / (1 + Math.exp(-(0.07056 * z ** 3 + 1.5976 * z)))
}
