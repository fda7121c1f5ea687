// One call of a learner, with the weights and the progress of a training run around it.
import type { FeatureInfo } from '../../../ml/features.ts'
import type { FittedModel, Learner } from '../../../ml/learn/index.ts'
import type { Matrix } from '../../../ml/matrix.ts'
import { graphEngine } from '../../../runtime/graph-engine.ts'
import { mostProbable, type Predictions } from './predictions.ts'
import type { Step } from './progress.ts'
import type { TrainingSpec } from './spec.ts'
import type { Target } from './target.ts'

export interface FitRequest {
  readonly spec: TrainingSpec
  readonly matrix: Matrix
  readonly features: readonly FeatureInfo[]
  readonly target: Target
  readonly step: Step
}

export async function fitLearner(
  learner: Learner,
  { spec, matrix, features, target, step }: FitRequest,
): Promise<FittedModel> {
  return learner({
    matrix,
    features,
    target,
    hyperparameters: spec.hyperparameters,
    seed: spec.evaluation.seed,
    engine: graphEngine,
    hooks: {
      onProgress: ({ iteration, loss, done }) => step(done, `Iteration ${iteration}, loss ${loss.toPrecision(4)}`),
    },
  })
}

/** What the learner itself says about encoded rows. */
export function predictWith(model: FittedModel, matrix: Matrix, task: Target['task']): Predictions {
  const { values, width } = model.predict(matrix)
  if (task === 'regression') return { task, values }
  return { task, probabilities: values, labels: mostProbable(values, width) }
}
