// The program of the training child process.
import { systemClock } from '../../../core/clock.ts'
import { serveIsolated } from '../../../jobs/isolated.ts'
import type { TrainingProgress, TrainingSpec } from './spec.ts'
import { train } from './train.ts'

serveIsolated<TrainingProgress>((spec, { progress, signal }) =>
  train(spec as TrainingSpec, { progress, signal, clock: systemClock }),
)
