// Gauss–Legendre quadrature on [0, 1]: `points` of it integrate every polynomial of degree 2·points − 1 exactly.

export interface Quadrature {
  readonly nodes: Float64Array
  readonly weights: Float64Array
}

const known = new Map<number, Quadrature>()

/**
 * Newton's iteration on the Legendre polynomial, from Chebyshev's points (Press et al., Numerical Recipes §4.6); errors
 * are some 1e-15 up to several hundred points.
 */
export function gaussLegendre(points: number): Quadrature {
  const found = known.get(points)
  if (found) return found
  const nodes = new Float64Array(points)
  const weights = new Float64Array(points)
  for (let i = 0; i < points; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (points + 0.5))
    let slope = 1
    for (let step = 0; step < 100; step++) {
      let value = 1
      let before = 0
      for (let degree = 1; degree <= points; degree++) {
        const next = ((2 * degree - 1) * x * value - (degree - 1) * before) / degree
        before = value
        value = next
      }
      slope = (points * (x * value - before)) / (x * x - 1)
      const change = value / slope
      x -= change
      if (Math.abs(change) < 1e-16) break
    }
    nodes[i] = (1 - x) / 2
    weights[i] = 1 / ((1 - x * x) * slope * slope)
  }
  const made = { nodes, weights }
  known.set(points, made)
  return made
}
