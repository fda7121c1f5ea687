// What a training run is told and what it answers: plain data, because both cross a process boundary.
// Nothing in the outcome's model file or figures depends on the time of day; `durations` are the only exception.
import type { DataContract } from '../../../contract/datasets.ts'
import type { StoredEvaluation, Trial } from '../../../contract/evaluation.ts'
import type { Signature } from '../../../contract/models.ts'
import type { Evaluation } from '../../../contract/training.ts'
import type { Difference } from '../../../ml/metrics/index.ts'

export interface TrainingSpec {
  /** The dataset as a local file. */
  readonly dataFile: string
  /** How it is to be read: the document the tables module wrote when the dataset was uploaded. */
  readonly reading: unknown
  readonly contract: DataContract
  readonly modelType: 'classification' | 'regression'
  readonly target: string
  readonly features: readonly string[]
  /** How much each row counts in learning. */
  readonly weightColumn?: string
  readonly algorithm: string
  /** Already checked against the algorithm's schema, defaults filled in. */
  readonly hyperparameters: Readonly<Record<string, unknown>>
  /** What may be chosen from, the simplest first; absent where the algorithm is settled. */
  readonly candidates?: readonly Candidate[]
  readonly tuning?: TuningSpec
  /** What an interrupted attempt at this job had found out. */
  readonly finished?: readonly Trial[]
  /** Defaults filled in; `metric` may still be absent and then means f1 or rmse. */
  readonly evaluation: Evaluation
  /** The live version, to be measured on the same held-out rows. */
  readonly champion?: Champion
  /** Level at which the difference to the live version is to be secured, such as 0.95. */
  readonly significance?: number
  /** An existing directory; `model.onnx` is written into it. */
  readonly outputDir: string
  readonly modelName: string
  readonly version: string
}

export interface Candidate {
  readonly algorithm: string
  /** Already checked against the algorithm's schema, defaults filled in. */
  readonly hyperparameters: Readonly<Record<string, unknown>>
}

export interface TuningSpec {
  readonly trials: number
  readonly time_budget_seconds: number
  /** Hyperparameters that were given, and are not searched. */
  readonly fixed: readonly string[]
}

export interface Champion {
  readonly version: string
  /** Its model.onnx as a local file. */
  readonly path: string
  readonly signature: Signature
}

export interface TrainingProgress {
  /** 0..1, never falling. */
  readonly progress: number
  readonly stage: TrainingStage
  readonly message: string
  /** A configuration that was tried just now. */
  readonly trial?: Trial
}

export type TrainingStage =
  | 'load'
  | 'split'
  | 'choose'
  | 'tune'
  | 'cross-validate'
  | 'encode'
  | 'fit'
  | 'write'
  | 'parity'
  | 'evaluate'
  | 'explain'
  | 'champion'

export interface TrainingOutcome {
  readonly algorithm: string
  readonly hyperparameters: Readonly<Record<string, unknown>>
  /** On the held-out rows, by the finished file; with `folds` also `cv_<name>_mean` and `cv_<name>_std`. Only finite figures are listed. */
  readonly metrics: Readonly<Record<string, number>>
  /** What the gate decides and the warnings are added when it is stored. */
  readonly evaluation: Omit<StoredEvaluation, 'gate' | 'warnings'>
  readonly signature: Signature
  readonly artifact: { readonly path: string; readonly sha256: string; readonly bytes: number }
  /** Files of the explanations; absent where they could not be prepared. */
  readonly explanation?: { readonly path: string; readonly explainer?: string }
  /** The figure the promotion gate compares. */
  readonly gateMetric: GateMetric
  readonly champion?: ChampionResult
  /** Names of the encoded columns the learner saw, in order. */
  readonly featureNames: readonly string[]
  /** Sentences for a person. */
  readonly warnings: readonly string[]
  readonly environment: Readonly<Record<'node' | 'onnxruntime' | 'platform' | 'modelyard', string>>
  readonly trainedRows: number
  readonly heldOutRows: number
  /** Milliseconds spent in each stage. */
  readonly durations: Readonly<Partial<Record<TrainingStage, number>>>
}

export interface GateMetric {
  readonly name: string
  readonly value: number
  readonly greaterIsBetter: boolean
}

/** The live version on the same held-out rows and metric, or why the two cannot be compared. */
export type ChampionResult =
  | ({ readonly version: string } & ComparedFigure)
  | {
      readonly version: string
      readonly incomparable: string
      /** The new one takes over all the same. Default false. */
      readonly promote?: boolean
    }

export interface ComparedFigure {
  readonly value: number
  /** The improvement on the live version, positive is better; absent unless asked for, or where it cannot be told. */
  readonly difference?: Difference
}
