// One call of a learner, with the weights and the progress of a training run around it.
import { fail, MlError } from '../../../core/failure.ts'
import type { FeatureInfo } from '../../../ml/features.ts'
import { answersOf, type FittedModel, type Learner } from '../../../ml/learn/index.ts'
import type { Matrix } from '../../../ml/matrix.ts'
import { graphEngine } from '../../../runtime/graph-engine.ts'
import type { Predictions } from './predictions.ts'
import type { Step } from './progress.ts'
import type { Target } from './target.ts'

export interface FitRequest {
  readonly hyperparameters: Readonly<Record<string, unknown>>
  readonly seed: number
  readonly matrix: Matrix
  readonly features: readonly FeatureInfo[]
  readonly target: Target
  readonly step: Step
  /** True once the time for this fit is up. */
  readonly overtime?: () => boolean
}

/** Throws `internal` OVERTIME, beside what the learner throws. */
export async function fitLearner(learner: Learner, request: FitRequest): Promise<FittedModel> {
  const { hyperparameters, seed, matrix, features, target, step, overtime } = request
  try {
    return await learner({
      matrix,
      features,
      target,
      ...(target.weights && { sampleWeights: target.weights }),
      hyperparameters,
      seed,
      engine: graphEngine,
      hooks: {
        onProgress: ({ iteration, loss, done }) => step(done, `Iteration ${iteration}, loss ${loss.toPrecision(4)}`),
        ...(overtime && { shouldStop: overtime }),
      },
    })
  } catch (error) {
    if (!(error instanceof MlError) || error.code !== 'TRAINING_CANCELLED' || !overtime?.()) throw error
    throw fail('internal', 'OVERTIME', 'The time for this fit is up', { cause: error })
  }
}

/** What a comparison hears of a fitted model. */
export interface Said {
  /** About the held-out rows: probabilities row by row, or numbers. */
  readonly values: Float64Array
  /** What it decided itself among its hyperparameters. */
  readonly settled?: Readonly<Record<string, unknown>>
}

export function saidBy(model: FittedModel, heldOut: Matrix): Said {
  const { values } = model.predict(heldOut)
  return { values, ...(model.settled && { settled: model.settled }) }
}

/** What the learner itself says about encoded rows. */
export function predictWith(model: FittedModel, matrix: Matrix, task: Target['task']): Predictions {
  const { values, width } = model.predict(matrix)
  if (task === 'regression') return { task, values }
  const { preferred } = model
  const labels = answersOf(values, width, preferred)
  return { task, probabilities: values, labels, ...(preferred && { preferred }) }
}
