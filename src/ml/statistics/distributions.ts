// The distribution functions that the tests need, to about 1e-12: normal, Student's t, and the incomplete beta function
// under both. Methods: Press et al., Numerical Recipes (2007), 6.1, 6.2 and 6.4.

const LANCZOS = [
  676.5203681218851, -1259.1392167224028, 771.3234287776531, -176.6150291621406, 12.507343278686905,
  -0.13857109526572012, 9.984369578019572e-6, 1.5056327351493116e-7,
] as const

/** ln Γ(x) for x > 0. */
export function logGamma(x: number): number {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x)
  let sum = 0.9999999999998099
  for (let i = 0; i < LANCZOS.length; i++) sum += LANCZOS[i]! / (x + i)
  const t = x + LANCZOS.length - 1.5
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum)
}

export function logBeta(a: number, b: number): number {
  return logGamma(a) + logGamma(b) - logGamma(a + b)
}

const MOST_STEPS = 10_000
const TINY = 1e-300
const PRECISION = 1e-15

/** ln Iₓ(a, b), the regularised incomplete beta function; its logarithm, because it gets far smaller than doubles do. */
export function logRegularizedBeta(x: number, a: number, b: number): number {
  if (x <= 0) return Number.NEGATIVE_INFINITY
  if (x >= 1) return 0
  const front = a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)
  if (x < (a + 1) / (a + b + 2)) return front - Math.log(a) + Math.log(betaFraction(x, a, b))
  return Math.log1p(-Math.exp(front - Math.log(b) + Math.log(betaFraction(1 - x, b, a))))
}

/** Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const away = (value: number) => (Math.abs(value) < TINY ? TINY : value)
  let c = 1
  let d = 1 / away(1 - ((a + b) * x) / (a + 1))
  let result = d
  for (let m = 1; m <= MOST_STEPS; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / away(1 + even * d)
    c = away(1 + even / c)
    result *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / away(1 + odd * d)
    c = away(1 + odd / c)
    result *= d * c
    if (Math.abs(d * c - 1) < PRECISION) break
  }
  return result
}

/** Probability that |t| of `freedom` degrees of freedom is at least this. */
export function studentTwoSided(t: number, freedom: number): number {
  if (!(freedom > 0)) return 1
  return Math.exp(logRegularizedBeta(freedom / (freedom + t * t), freedom / 2, 0.5))
}

/** Probability that the absolute value of a standard normal variable is at least |z|: erfc(|z|/√2) = Q(½, z²/2). */
export function normalTwoSided(z: number): number {
  const x = (z * z) / 2
  if (x === 0) return 1
  const front = Math.exp(-x + 0.5 * Math.log(x) - logGamma(0.5))
  return x < 1.5 ? 1 - front * gammaSeries(x) : front * gammaFraction(x)
}

function gammaSeries(x: number): number {
  let term = 2
  let sum = 2
  for (let k = 1; k <= MOST_STEPS && term > sum * PRECISION; k++) {
    term *= x / (0.5 + k)
    sum += term
  }
  return sum
}

function gammaFraction(x: number): number {
  let b = x + 0.5
  let c = 1 / TINY
  let d = 1 / b
  let result = d
  for (let i = 1; i <= MOST_STEPS; i++) {
    const factor = -i * (i - 0.5)
    b += 2
    d = 1 / (factor * d + b)
    c = b + factor / c
    result *= d * c
    if (Math.abs(d * c - 1) < PRECISION) break
  }
  return result
}
