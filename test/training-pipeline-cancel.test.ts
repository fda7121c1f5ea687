// Cancelling a training in the middle of each kind of work: by the order of what happens, not by the clock. What is in the
// middle of something that cannot hear is killed after 0.4 s by the parent (src/jobs/isolate.ts).
import { describe, expect, it } from 'vitest'
import { systemClock } from '../src/core/clock.ts'
import type { TrainingProgress, TrainingSpec } from '../src/domain/training/pipeline/spec.ts'
import { ALGORITHMS, fillSettings } from '../src/ml/learn/index.ts'
import { csvSpec, customersCsv, run, type SpecChoices } from './training-pipeline-spec.ts'

const endless = (algorithm: keyof typeof ALGORITHMS, given: Record<string, unknown>): SpecChoices => ({
  algorithm,
  hyperparameters: fillSettings(ALGORITHMS[algorithm].hyperparameters, given),
})
const boosting = endless('gradient_boosting', { n_estimators: 20_000 })
const KINDS = [
  ['boosting', 'fit', boosting],
  ['a forest', 'fit', endless('random_forest', { n_estimators: 5000 })],
  ['a network', 'fit', endless('neural_network', { epochs: 10_000, early_stopping: 0 })],
  [
    'a blend',
    'fit',
    endless('blend', { members: [{ algorithm: 'gradient_boosting', hyperparameters: { n_estimators: 20_000 } }] }),
  ],
  ['a tuning', 'tune', { ...boosting, tuning: { trials: 500, time_budget_seconds: 3000, fixed: ['n_estimators'] } }],
] as const satisfies readonly (readonly [string, TrainingProgress['stage'], SpecChoices])[]

/** Stops at the second report of a stage, so in the middle of it; what was reported from then on. */
async function cancelled(spec: TrainingSpec, stage: TrainingProgress['stage']): Promise<TrainingProgress[]> {
  const controller = new AbortController()
  const after: TrainingProgress[] = []
  let seen = 0
  // Every step is told: a tenth of a second passes between any two looks at the clock.
  let ms = 0
  const clock = { ...systemClock, elapsedMs: () => (ms += 100) }
  const stopped = run(spec, {
    clock,
    signal: controller.signal,
    progress: (progress) => {
      if (controller.signal.aborted) after.push(progress)
      if (progress.stage === stage && ++seen === 2) controller.abort()
    },
  })
  await expect(stopped).rejects.toMatchObject({ code: 'TRAINING_CANCELLED' })
  return after
}

describe('cancelling', () => {
  it.each(KINDS)('%s ends it before another step of it is told', async (_, stage, choices) => {
    const spec = await csvSpec(customersCsv('plan', 200), 'plan', choices)
    expect(await cancelled(spec, stage)).toEqual([])
  })
})
