// What rows that belong together change about the settings.
import { describe, expect, it } from 'vitest'
import { withoutInnerFolds } from './decide.ts'
import type { TrainingSpec } from './spec.ts'

const open = { algorithm: 'gradient_boosting', hyperparameters: { n_estimators: 0, max_leaves: 8 } }
const given = { algorithm: 'gradient_boosting', hyperparameters: { n_estimators: 30 } }
const forest = { algorithm: 'random_forest', hyperparameters: { n_estimators: 200 } }
const spec = (evaluation: Partial<TrainingSpec['evaluation']>): TrainingSpec => ({
  dataFile: '',
  reading: {},
  contract: { columns: [] },
  modelType: 'classification',
  target: 'answer',
  features: [],
  outputDir: '',
  modelName: 'grouped',
  version: '1.0.0',
  ...open,
  candidates: [open, given, forest],
  evaluation: { test_fraction: 0.2, seed: 1, ...evaluation },
})

describe('settings that inner folds would decide', () => {
  it('stay open where rows are on their own', () => {
    expect(withoutInnerFolds(spec({}))).toEqual(spec({}))
  })

  it.each([{ group_column: 'person' }, { time_column: 'day' }])('are the usual ones with %o', (evaluation) => {
    const { hyperparameters, candidates } = withoutInnerFolds(spec(evaluation))
    expect(hyperparameters).toEqual({ n_estimators: 200, max_leaves: 8 })
    expect(candidates).toEqual([{ ...open, hyperparameters: { n_estimators: 200, max_leaves: 8 } }, given, forest])
  })
})
