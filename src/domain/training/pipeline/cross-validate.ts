// k-fold figures: the training rows in k parts, each part predicted by a model (encoders included) fitted on the others.
// The held-out rows take no part, so their figures stay independent of these.
import type { ContractColumn } from '../../../contract/datasets.ts'
import type { EncodingPlan } from '../../../ml/encode/index.ts'
import type { Learner } from '../../../ml/learn/index.ts'
import type { Split } from '../../../ml/split/index.ts'
import { selectRows } from '../../../ml/table.ts'
import { fitLearner, predictWith } from './fit.ts'
import { measure } from './measure.ts'
import type { Step } from './progress.ts'
import { encodeRows, type Labelled } from './rows.ts'
import type { TrainingSpec } from './spec.ts'
import { selectTarget } from './target.ts'

export interface CrossValidation {
  readonly spec: TrainingSpec
  readonly learner: Learner
  readonly choices: EncodingPlan
  readonly columns: readonly ContractColumn[]
  readonly rows: Labelled
  readonly folds: readonly Split[]
  readonly step: Step
}

/** The figures of each fold. */
export async function crossValidate(request: CrossValidation): Promise<Readonly<Record<string, number>>[]> {
  const { folds, step } = request
  const figures: Readonly<Record<string, number>>[] = []
  for (const [k, fold] of folds.entries()) {
    const name = `Fold ${k + 1} of ${folds.length}`
    const within: Step = (fraction) => step((k + fraction) / folds.length, name)
    figures.push(await measureFold(request, fold, within))
  }
  return figures
}

async function measureFold({ spec, learner, choices, columns, rows }: CrossValidation, fold: Split, step: Step) {
  const { table, target } = rows
  const encoded = await encodeRows({
    columns,
    choices,
    train: selectRows(table, fold.train),
    heldOut: selectRows(table, fold.test),
    step: (fraction) => step(fraction * 0.3),
  })
  const model = await fitLearner(learner, {
    hyperparameters: spec.hyperparameters,
    seed: spec.evaluation.seed,
    matrix: encoded.train,
    features: encoded.encoding.features,
    target: selectTarget(target, fold.train),
    step: (fraction) => step(0.3 + fraction * 0.7),
  })
  const predictions = predictWith(model, encoded.heldOut, target.task)
  return measure(selectTarget(target, fold.test), predictions).metrics
}
