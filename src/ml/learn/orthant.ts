// The part of OWL-QN that knows about |x|: the pseudo-gradient, the orthant a step must stay in, and a backtracking search
// that projects onto it (Andrew and Gao 2007, section 3). An entry that would change its sign stops at exactly zero,
// which is where the zeros of an L1 model come from.
import type { L1Penalty, Objective, Search } from './minimise.ts'

const SUFFICIENT_DECREASE = 1e-4
const SHRINK = 0.5
const MAX_EVALUATIONS = 40

export function createOrthantSearch(objective: Objective, { strength, count }: L1Penalty): Search {
  const pseudo = new Float64Array(objective.size)

  const penalty = (at: Float64Array) => {
    let sum = 0
    for (let i = 0; i < count; i++) sum += Math.abs(at[i]!)
    return strength * sum
  }

  return {
    penalty,
    descent({ at, gradient }, into) {
      let largest = 0
      for (let i = 0; i < pseudo.length; i++) {
        const slope = i < count ? pseudoSlope(at[i]!, gradient[i]!, strength) : gradient[i]!
        pseudo[i] = slope
        if (Math.abs(slope) > largest) largest = Math.abs(slope)
      }
      into.set(pseudo)
      return largest
    },
    step({ current, trial, direction, isFirst }) {
      for (let i = 0; i < count; i++) if (direction[i]! * pseudo[i]! >= 0) direction[i] = 0
      let norm = 0
      for (let i = 0; i < direction.length; i++) norm += direction[i]! * direction[i]!
      let step = isFirst ? Math.min(1, 1 / Math.sqrt(norm)) : 1
      for (let evaluation = 0; evaluation < MAX_EVALUATIONS; evaluation++) {
        project(trial.at, current.at, { direction, step, pseudo, count })
        const promised = directional(trial.at, current.at, pseudo)
        if (!(promised < 0)) return false
        trial.loss = objective.evaluate(trial.at, trial.gradient) + penalty(trial.at)
        if (trial.loss <= current.loss + SUFFICIENT_DECREASE * promised) return true
        step *= SHRINK
      }
      return false
    },
  }
}

/** The one-sided derivative of smallest size of f + strength·|x|. */
function pseudoSlope(at: number, slope: number, strength: number): number {
  if (at > 0) return slope + strength
  if (at < 0) return slope - strength
  if (slope + strength < 0) return slope + strength
  if (slope - strength > 0) return slope - strength
  return 0
}

interface Projection {
  readonly direction: Float64Array
  readonly step: number
  readonly pseudo: Float64Array
  readonly count: number
}

/** out ← from + step·direction, with entries that left their orthant put to zero. */
function project(out: Float64Array, from: Float64Array, { direction, step, pseudo, count }: Projection): void {
  for (let i = 0; i < out.length; i++) {
    const origin = from[i]!
    const value = origin + step * direction[i]!
    const side = origin !== 0 ? origin : -pseudo[i]!
    out[i] = i < count && value * side <= 0 ? 0 : value
  }
}

function directional(to: Float64Array, from: Float64Array, slopes: Float64Array): number {
  let sum = 0
  for (let i = 0; i < to.length; i++) sum += (to[i]! - from[i]!) * slopes[i]!
  return sum
}
