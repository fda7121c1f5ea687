// What every learning algorithm is to the rest of the code: `fit` makes a model, the model predicts and writes itself as
// ONNX nodes. `fit` may be synchronous, because it runs in a child process of its own; it then hears of a stop by polling.
import type { TObject } from 'typebox'
import type { FieldError } from '../../core/failure.ts'
import { fail } from '../../core/failure.ts'
import type { EncodingPlan } from '../encode/index.ts'
import type { GraphEngine } from '../engine.ts'
import type { FeatureInfo } from '../features.ts'
import type { Matrix } from '../matrix.ts'
import type { GraphBuilder, Value } from '../onnx/graph.ts'
import type { TreeEnsemble } from './trees/ensemble.ts'

export type LearningTask = 'classification' | 'regression'

export interface ClassTarget {
  readonly task: 'classification'
  /** Type of the answer in the graph: integer and boolean are int64 (boolean as 0 and 1), string is string. */
  readonly dtype: 'integer' | 'boolean' | 'string'
  /** Class names as text, in class order (integers ascending, false before true, text by code unit). */
  readonly classes: readonly string[]
  /** Class number of each row. */
  readonly labels: Int32Array
  /** What the probability of each class counts where a label is answered; absent where all count the same. */
  readonly preferred?: Float64Array
}

export interface NumberTarget {
  readonly task: 'regression'
  readonly values: Float64Array
}

export type LearningTarget = ClassTarget | NumberTarget

export interface LearningProgress {
  /** 1-based. */
  readonly iteration: number
  /** What is minimised, per row: comparable between iterations of one run only. */
  readonly loss: number
  /** Estimated share of the work, 0..1, never falling. */
  readonly done: number
}

export interface LearningHooks {
  readonly onProgress?: (progress: LearningProgress) => void
  readonly signal?: AbortSignal
  /** For a stop that arrives where no event can be delivered; asked once an iteration. */
  readonly shouldStop?: () => boolean
}

export interface FitInput {
  /** One row for each row of the target; every value finite, or NaN where the algorithm's encoding keeps gaps. */
  readonly matrix: Matrix
  /** What the columns of the matrix are, one for each; all are numbers where it is absent. */
  readonly features?: readonly FeatureInfo[]
  readonly target: LearningTarget
  /** One weight for each row, none negative; a weight of 2 is the same as giving the row twice. */
  readonly sampleWeights?: Float64Array
  /** Already checked against the algorithm's schema; what is absent takes its default. */
  readonly hyperparameters?: Readonly<Record<string, unknown>>
  /** Seed of everything random in the algorithm. */
  readonly seed?: number
  readonly hooks?: LearningHooks
  /** For algorithms whose arithmetic is a graph; the others never ask for it. */
  readonly engine?: GraphEngine
}

/** Row-major, rows × width: probabilities in class order, or one value a row for regression. */
export interface Scores {
  readonly rows: number
  readonly width: number
  readonly values: Float64Array
}

export interface FittedModel {
  readonly iterations: number
  readonly converged: boolean
  /** Sentences for a person; empty when there is nothing to say. */
  readonly warnings: readonly string[]
  /** What it decided itself among its hyperparameters: given to another fit, they need not be decided again. */
  readonly settled?: Readonly<Record<string, unknown>>
  /** Of a classifier: as in its target. */
  readonly preferred?: Float64Array
  /** The trees of a model that is made of trees. */
  readonly ensemble?: TreeEnsemble
  /** Of a linear model, the weight of each column and output. */
  readonly weights?: Float32Array
  readonly bias?: Float32Array
  /** The models that it averages. */
  readonly members?: readonly ModelMember[]
  /** Not the answers of its members are averaged but their log odds. */
  readonly averagesLogOdds?: true
  /** Throws `invalid` FEATURE_COUNT_MISMATCH when the matrix has another width than the one that was fitted. */
  predict(matrix: Matrix): Scores
  /**
   * Adds nodes from `features`, float32 [N, width], to the graph outputs. Classification: `label`, int64 or string [N],
   * and `probabilities`, float32 [N, classes]. Regression: `prediction`, float32 [N].
   */
  write(graph: GraphBuilder, features: Value): void
}

/** A model that is part of another. */
export interface ModelMember {
  readonly model: FittedModel
  /** What its answers count; the shares of all members add up to 1. */
  readonly share: number
  /** The first of its own columns of the matrix of the whole. */
  readonly start: number
  /** Its own columns of the matrix of the whole. */
  see(matrix: Matrix): Matrix
}

/**
 * Fits a model. Throws `invalid` TRAINING_DATA_INVALID for data that cannot be learned from, with the remedy, and
 * `conflict` TRAINING_CANCELLED when a hook asked to stop.
 */
export type Learner = (input: FitInput) => FittedModel | Promise<FittedModel>

type Settings = Readonly<Record<string, unknown>>

/** One row of the table of algorithms. */
export interface Algorithm {
  readonly title: string
  readonly tasks: readonly LearningTask[]
  /** A closed object whose every field has a default and a description. */
  readonly hyperparameters: TObject
  /** How its matrix is to be encoded, where that differs from the default; some must see the hyperparameters first. */
  readonly encoding: EncodingPlan | ((hyperparameters: Settings, task: LearningTask) => EncodingPlan)
  /** What the schema cannot say: fills in nested defaults and finds nested errors. */
  readonly check?: (hyperparameters: Settings, task: LearningTask) => readonly FieldError[]
  /** Made of other algorithms, so that it is no candidate beside them. */
  readonly composed?: true
  /** Without a named algorithm it is compared only where a column holds texts. */
  readonly candidateFor?: 'texts'
  readonly fit: Learner
}

/** Throws where a hook asks to stop. */
export function throwIfStopped({ signal, shouldStop }: LearningHooks): void {
  if (signal?.aborted || shouldStop?.()) throw fail('conflict', 'TRAINING_CANCELLED', 'The training was cancelled')
}
