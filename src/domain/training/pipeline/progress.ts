// Where a training run stands: one number that never falls, a stage, a sentence, and the time each stage took.
// A stage begins on a fresh turn of the event loop, so that a request to stop is heard between stages.
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Trial } from '../../../contract/evaluation.ts'
import type { Clock } from '../../../core/clock.ts'
import { fail } from '../../../core/failure.ts'
import type { TrainingProgress, TrainingStage } from './spec.ts'

/** Rough share of a run's time; a stage that is not run gives its share to the others. */
const WEIGHTS: Record<TrainingStage, number> = {
  load: 10,
  split: 1,
  encode: 15,
  fit: 40,
  evaluate: 6,
  explain: 8,
  'cross-validate': 60,
  choose: 120,
  tune: 600,
  write: 3,
  parity: 10,
  champion: 8,
}
const MIN_INTERVAL_MS = 100

/** Reports the share of the current stage that is done, 0..1; also the place where a request to stop takes effect. */
export type Step = (fraction: number, message?: string) => void

export interface Reporter {
  stage<T>(stage: TrainingStage, message: string, work: (step: Step) => T | Promise<T>): Promise<T>
  /** Tells of a configuration that was tried; none is left out, however fast they come. */
  trial(trial: Trial, message: string): void
  readonly durations: Readonly<Partial<Record<TrainingStage, number>>>
  readonly signal: AbortSignal
}

export interface ReporterOptions {
  /** The stages that will be run, in order. */
  readonly stages: readonly TrainingStage[]
  readonly clock: Clock
  readonly send: (progress: TrainingProgress) => void
  readonly signal: AbortSignal
}

export function createReporter({ stages, clock, send, signal }: ReporterOptions): Reporter {
  const total = stages.reduce((sum, stage) => sum + WEIGHTS[stage], 0)
  const durations: Partial<Record<TrainingStage, number>> = {}
  let highest = 0
  let current = stages[0]!
  let lastSentMs = Number.NEGATIVE_INFINITY

  const report = (stage: TrainingStage, fraction: number, message: string) => {
    const before = stages.slice(0, stages.indexOf(stage)).reduce((sum, name) => sum + WEIGHTS[name], 0)
    const share = Math.min(1, Math.max(0, fraction)) * WEIGHTS[stage]
    highest = Math.max(highest, (before + share) / total)
    lastSentMs = clock.elapsedMs()
    send({ progress: rounded(highest), stage, message })
  }

  return {
    signal,
    durations,
    trial(trial, message) {
      throwIfStopped(signal)
      send({ progress: rounded(highest), stage: current, message, trial })
    },
    async stage(stage, message, work) {
      await nextTurn()
      current = stage
      throwIfStopped(signal)
      const startedMs = clock.elapsedMs()
      report(stage, 0, message)
      const result = await work((fraction, detail = message) => {
        throwIfStopped(signal)
        if (clock.elapsedMs() - lastSentMs >= MIN_INTERVAL_MS) report(stage, fraction, detail)
      })
      durations[stage] = Math.round(clock.elapsedMs() - startedMs)
      return result
    },
  }
}

const rounded = (progress: number) => Math.round(progress * 1000) / 1000

function throwIfStopped(signal: AbortSignal): void {
  if (signal.aborted) throw fail('conflict', 'TRAINING_CANCELLED', 'The training was cancelled')
}
