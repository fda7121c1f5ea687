// Who does the steps of a training: this thread alone, or several that share them.
import { computeGradients, type SearchTask, searchLeaves, type Workplace } from './work.ts'

export interface Team {
  readonly threads: number
  search(task: SearchTask): void
  /** `scale` is the boundary of the Huber loss. */
  gradients(scale: number): void
  /** Puts the rows of a leaf that go left by `arena.sides` first; how many do. */
  divide(feature: number, leaf: { readonly start: number; readonly count: number }): number
  end(): void
}

export function soloTeam(place: Workplace): Team {
  const { plan } = place.arena
  return {
    threads: 1,
    search: (task) => searchLeaves(place, task, { from: 0, to: plan.features }),
    gradients: (scale) => computeGradients(place, { from: 0, to: plan.rows }, scale),
    divide: (feature, leaf) => place.kernel.divide(place.arena, feature, leaf),
    end: () => undefined,
  }
}
