// What learns from something else than a dataset, such as what a tenant has recorded. It says how to learn; the job around it,
// the version it makes and the gate before that goes live are those of every training.
import type { ModelType } from '../../contract/models.ts'
import type { Ctx } from '../ctx.ts'
import type { TrainingOutcome, TrainingProgress } from './pipeline/spec.ts'

export interface Trainer {
  /** Written into the job; the worker that takes it up finds the trainer by it. */
  readonly name: string
  readonly modelName: string
  readonly modelType: ModelType
  /** In words, for the metadata of its versions. */
  readonly learnsFrom: string
  /** Run again where the worker died, or another version went live meanwhile. `ctx.signal` fires when the job is cancelled. */
  readonly train: (ctx: Ctx, task: TrainerTask) => Promise<Trained>
}

export interface TrainerTask {
  readonly seed: number
  readonly champion: TrainerChampion | undefined
  /** An existing folder of the task's own, which goes with it; the model file is to lie in it. */
  readonly folder: string
  readonly progress: (progress: TrainingProgress) => void
}

/** What is live, to be measured beside the new version. */
export interface TrainerChampion {
  readonly version: string
  /** Its file. */
  readonly path: string
  /** Milliseconds since 1970. */
  readonly trainedAtMs: number
}

export interface Trained
  extends Pick<
    TrainingOutcome,
    'algorithm' | 'hyperparameters' | 'metrics' | 'evaluation' | 'gateMetric' | 'champion' | 'warnings'
  > {
  /** The ONNX file. */
  readonly path: string
}

export type Trainers = ReadonlyMap<string, Trainer>

export function trainersByName(trainers: readonly Trainer[]): Trainers {
  return new Map(trainers.map((trainer) => [trainer.name, trainer]))
}
