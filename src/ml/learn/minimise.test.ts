import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { minimise, type Objective } from './minimise.ts'
import { farthest } from './testing.ts'

const rosenbrock: Objective = {
  size: 2,
  evaluate(at, gradient) {
    const [x, y] = [at[0]!, at[1]!]
    gradient[0] = -400 * x * (y - x * x) - 2 * (1 - x)
    gradient[1] = 200 * (y - x * x)
    return 100 * (y - x * x) ** 2 + (1 - x) ** 2
  },
}

/** Σ curvature·(x − centre)²/2 */
function bowl(curvature: readonly number[], centre: readonly number[]): Objective {
  return {
    size: centre.length,
    evaluate(at, gradient) {
      let value = 0
      for (let i = 0; i < centre.length; i++) {
        gradient[i] = curvature[i]! * (at[i]! - centre[i]!)
        value += (curvature[i]! * (at[i]! - centre[i]!) ** 2) / 2
      }
      return value
    },
  }
}

const settings = { maxIterations: 200, tolerance: 1e-9 }

describe('minimise', () => {
  it('finds the minimum of the curved valley of Rosenbrock', () => {
    const { at, converged, iterations } = minimise(rosenbrock, Float64Array.of(-1.2, 1), settings)
    expect(farthest(at, [1, 1])).toBeLessThan(1e-7)
    expect(converged).toBe(true)
    expect(iterations).toBeLessThan(60)
  })

  it('finds the minimum of any bowl, however stretched', () => {
    const entry = fc.tuple(
      fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
      fc.double({ min: -50, max: 50, noNaN: true }),
    )
    fc.assert(
      fc.property(fc.array(entry, { minLength: 1, maxLength: 8 }), (entries) => {
        const centre = entries.map(([, place]) => place)
        const objective = bowl(
          entries.map(([curvature]) => curvature),
          centre,
        )
        const { at } = minimise(objective, new Float64Array(centre.length), { maxIterations: 500, tolerance: 1e-8 })
        expect(farthest(at, centre)).toBeLessThan(1e-4)
      }),
    )
  })

  it('says that it has not converged when the iterations run out', () => {
    const { converged, iterations } = minimise(rosenbrock, Float64Array.of(-1.2, 1), { ...settings, maxIterations: 3 })
    expect([converged, iterations]).toEqual([false, 3])
  })

  it('shrinks every entry by the strength of an L1 penalty and stops at exactly zero', () => {
    const objective = bowl([1, 1, 1, 1], [3, -2, 0.5, 4])
    const l1 = { strength: 1, count: 3 }
    const { at, converged } = minimise(objective, new Float64Array(4), { ...settings, l1 })
    expect(farthest(at, [2, -1, 0, 4])).toBeLessThan(1e-8)
    expect(at[2]).toBe(0)
    expect(converged).toBe(true)
  })

  it('does not change the starting point', () => {
    const start = Float64Array.of(-1.2, 1)
    minimise(rosenbrock, start, settings)
    expect([...start]).toEqual([-1.2, 1])
  })

  it('gets back from a step into a region without a finite value', () => {
    const wall: Objective = {
      size: 1,
      evaluate(at, gradient) {
        const x = at[0]!
        gradient[0] = x >= 1 ? Number.NaN : 1 / (1 - x) - 4
        return x >= 1 ? Number.POSITIVE_INFINITY : -Math.log(1 - x) - 4 * x
      },
    }
    expect(minimise(wall, Float64Array.of(-5), settings).at[0]).toBeCloseTo(0.75, 6)
  })

  it('reports progress that never falls and ends near 1', () => {
    const done: number[] = []
    minimise(rosenbrock, Float64Array.of(-1.2, 1), { ...settings, hooks: { onProgress: (p) => done.push(p.done) } })
    expect(done).toEqual([...done].sort((a, b) => a - b))
    expect(done.at(-1)).toBe(1)
  })

  it.each([
    ['a signal that fired', { signal: AbortSignal.abort() }],
    ['a question answered with yes', { shouldStop: () => true }],
  ])('stops on %s', (_, hooks) => {
    expect(() => minimise(rosenbrock, new Float64Array(2), { ...settings, hooks })).toThrow(
      expect.objectContaining({ kind: 'conflict', code: 'TRAINING_CANCELLED' }),
    )
  })
})
