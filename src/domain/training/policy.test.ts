import { describe, expect, it } from 'vitest'
import type { DataContract } from '../../contract/datasets.ts'
import type { TrainRequest } from '../../contract/training.ts'
import { asFailure, type FieldError } from '../../core/failure.ts'
import { planTraining } from './policy.ts'

const contract: DataContract = {
  columns: ['age', 'income', 'city', 'bought'].map((name) => ({
    name,
    dtype: 'number',
    required: true,
    nullable: true,
  })),
  target: 'bought',
}
const base: TrainRequest = { model_name: 'm', dataset_id: 'dataset_1', model_type: 'classification' }
const PLAIN = { balancedClassWeight: false, trainingTimeoutMs: 1_000_000 }
const plan = (request: Partial<TrainRequest> = {}, given = contract) =>
  planTraining({ ...base, ...request }, given, PLAIN)

function refused(request: Partial<TrainRequest>, given = contract): Record<string, string> {
  try {
    plan(request, given)
  } catch (error) {
    const { kind, code, details } = asFailure(error)
    expect({ kind, code }).toEqual({ kind: 'invalid', code: 'VALIDATION_ERROR' })
    const errors = details?.errors as FieldError[]
    return Object.fromEntries(errors.map(({ field, message }) => [field, message]))
  }
  throw new Error('the request was accepted')
}

describe('a training plan', () => {
  it('fills in everything that was not said', () => {
    expect(plan()).toEqual({
      modelType: 'classification',
      target: 'bought',
      features: ['age', 'income', 'city'],
      algorithm: null,
      hyperparameters: {},
      candidates: expect.arrayContaining([
        {
          algorithm: 'logistic_regression',
          hyperparameters: expect.objectContaining({ l2: 1, max_iterations: 300 }),
        },
      ]),
      tuning: null,
      evaluation: { test_fraction: 0.2, seed: 42 },
      promotion: { environment: 'production', metric: null, min_improvement: 0 },
    })
  })

  it('prefers the target of the request to that of the dataset', () => {
    expect(plan({ target: 'city' })).toMatchObject({ target: 'city', features: ['age', 'income', 'bought'] })
  })

  it('takes the features in the order given', () => {
    expect(plan({ features: ['city', 'age'] }).features).toEqual(['city', 'age'])
  })

  it('has the algorithms of the task as candidates, the simplest first', () => {
    const names = plan({ model_type: 'regression' }).candidates.map(({ algorithm }) => algorithm)
    expect(names.slice(0, 2)).toEqual(['linear_regression', 'gradient_boosting'])
    expect(plan().candidates[0]!.algorithm).toBe('logistic_regression')
  })

  it('makes a blend of those that are named, and of nothing that is wrong', () => {
    const members = [{ algorithm: 'gradient_boosting', hyperparameters: { max_leaves: 8 } }]
    const { candidates } = plan({ hyperparameters: { members } })
    expect(candidates.map(({ algorithm }) => algorithm)).toEqual(['blend'])
    expect(candidates[0]!.hyperparameters).toMatchObject({
      members: [{ weight: 1, hyperparameters: { max_leaves: 8, n_estimators: 0 } }],
    })
    const wrong = { members: [{ algorithm: 'gradient_boosting', hyperparameters: { max_leaves: 1 } }] }
    expect(() => plan({ algorithm: 'blend', hyperparameters: wrong })).toThrow(/max_leaves/)
  })

  it('has those candidates only that accept everything given', () => {
    const { candidates } = plan({ hyperparameters: { learning_rate: 0.05, max_leaves: 8 } })
    expect(candidates.map(({ algorithm }) => algorithm)).toEqual(['gradient_boosting'])
    expect(candidates[0]!.hyperparameters).toMatchObject({ learning_rate: 0.05, max_leaves: 8, n_estimators: 0 })
  })

  it('is settled where one candidate is left, and where an algorithm was named', () => {
    expect(plan({ hyperparameters: { l2: 0.5 } })).toMatchObject({
      algorithm: 'logistic_regression',
      hyperparameters: { l2: 0.5, max_iterations: 300 },
      candidates: [{ algorithm: 'logistic_regression' }],
    })
    expect(plan({ algorithm: 'gradient_boosting' }).candidates).toHaveLength(1)
  })

  it('refuses a search that would outlast its training, and shortens the usual one', () => {
    const field = 'tuning.time_budget_seconds'
    const message = 'must be less than the 1000 s that a training may take in all (TRAINING_TIMEOUT_SECONDS)'
    expect(refused({ tuning: { time_budget_seconds: 1000 } })).toEqual({ [field]: message })
    expect(plan({ tuning: { time_budget_seconds: 999 } }).tuning).toMatchObject({ time_budget_seconds: 999 })
    const hurried = planTraining({ ...base, tuning: {} }, contract, { ...PLAIN, trainingTimeoutMs: 100_000 })
    expect(hurried.tuning).toMatchObject({ time_budget_seconds: 50 })
  })

  it('searches what is not given where a tuning was asked for', () => {
    expect(plan({ tuning: { trials: 12 }, hyperparameters: { l2: 3 } }).tuning).toEqual({
      trials: 12,
      time_budget_seconds: 300,
      fixed: ['l2'],
    })
  })

  it('chooses the algorithm that accepts the hyperparameters', () => {
    const hyperparameters = { learning_rate: 0.001, epochs: 100 }
    expect(plan({ hyperparameters }).algorithm).toBe('neural_network')
    expect(plan({ hyperparameters, model_type: 'regression' }).algorithm).toBe('neural_network')
  })

  it('gates by the metric of the evaluation where the promotion names none', () => {
    expect(plan({ evaluation: { metric: 'accuracy' } }).promotion?.metric).toBe('accuracy')
    expect(plan({ evaluation: { metric: 'accuracy' }, promotion: { metric: 'roc_auc' } }).promotion?.metric).toBe(
      'roc_auc',
    )
  })

  it('weighs classes alike where that is the default and nothing else was said', () => {
    const weighed = (hyperparameters?: Record<string, unknown>) =>
      planTraining(
        { ...base, algorithm: 'logistic_regression', ...(hyperparameters && { hyperparameters }) },
        contract,
        { ...PLAIN, balancedClassWeight: true },
      )
    expect(weighed().hyperparameters.class_weight).toBe('balanced')
    expect(weighed({ class_weight: 'none' }).hyperparameters.class_weight).toBe('none')
  })

  it('leaves class weights out of what has no classes', () => {
    const request: TrainRequest = { ...base, model_type: 'regression' }
    const planned = planTraining(request, contract, { ...PLAIN, balancedClassWeight: true })
    for (const { hyperparameters } of planned.candidates) expect(hyperparameters.class_weight).not.toBe('balanced')
  })

  it('refuses a feature with the name of an answer', () => {
    const given = { ...contract, columns: [...contract.columns, { ...contract.columns[0]!, name: 'label' }] }
    expect(refused({}, given)['features.3']).toContain('rename it')
  })

  it('has no promotion where it was switched off', () => {
    expect(plan({ promotion: false }).promotion).toBeNull()
  })

  it('learns from all columns but the one that weighs rows', () => {
    const found = plan({ weight_column: 'income' })
    expect(found.weightColumn).toBe('income')
    expect(found.features).toEqual(['age', 'city'])
  })

  it('refuses weights that are no numbers, are missing or are the target', () => {
    const text = contract.columns.map((column) =>
      column.name === 'city' ? { ...column, dtype: 'string' as const } : column,
    )
    const found = refused({ weight_column: 'city' }, { ...contract, columns: text })
    expect(found).toEqual({ weight_column: 'is string: weights are numbers' })
    expect(refused({ weight_column: 'weight' }).weight_column).toContain('is not a column of the dataset (age')
    expect(refused({ weight_column: 'bought' })).toEqual({ weight_column: 'is the target' })
  })

  it('does not change the request', () => {
    const request: TrainRequest = { ...base, hyperparameters: { l2: 2 }, evaluation: { seed: 1 }, promotion: {} }
    const before = structuredClone(request)
    planTraining(request, contract, PLAIN)
    expect(request).toEqual(before)
  })

  it('names everything that is wrong at once', () => {
    const found = refused({
      target: 'nothing',
      features: ['age', 'agee', 'age'],
      algorithm: 'magic',
      evaluation: { metric: 'beauty', time_column: 'when' },
      promotion: { metric: 'rmse' },
    })
    expect(Object.keys(found).toSorted()).toEqual([
      'algorithm',
      'evaluation.metric',
      'evaluation.time_column',
      'features.1',
      'features.2',
      'promotion.metric',
      'target',
    ])
    expect(found.target).toContain('age, income, city, bought')
    expect(found['features.2']).toBe('is named twice')
    expect(found['promotion.metric']).toBe('is a metric of regression')
    expect(found.algorithm).toContain('logistic_regression')
  })

  it('refuses unknown and impossible hyperparameters, each by name', () => {
    const found = refused({
      algorithm: 'logistic_regression',
      hyperparameters: { l2: -1, learning_rate: 0.1, l1: 'x' },
    })
    expect(Object.keys(found).toSorted()).toEqual([
      'hyperparameters.l1',
      'hyperparameters.l2',
      'hyperparameters.learning_rate',
    ])
  })

  it('refuses hyperparameters that no algorithm of the task accepts, also where none was named', () => {
    expect(Object.keys(refused({ hyperparameters: { trees: 5 } }))).toEqual(['hyperparameters.trees'])
    expect(refused({ hyperparameters: { trees: 5 } })['hyperparameters.trees']).toMatch(
      /no algorithm accepts all that was given \(logistic_regression: .*; gradient_boosting: /,
    )
  })

  it('refuses an algorithm that does not do the task', () => {
    expect(refused({ algorithm: 'linear_regression' })).toEqual({ algorithm: 'does not do classification' })
  })

  it.each(['constructor', 'toString', '__proto__'])('knows no algorithm called %s', (algorithm) => {
    expect(Object.keys(refused({ algorithm }))).toEqual(['algorithm'])
  })

  it('refuses the target among the features, and a table with nothing else', () => {
    expect(refused({ features: ['bought'] })).toEqual({ 'features.0': 'is the target' })
    const lonely = { columns: [contract.columns[3]!], target: 'bought' }
    expect(refused({}, lonely)).toEqual({ features: 'there is no column to learn from' })
  })

  it('asks for a target where nobody named one', () => {
    expect(Object.keys(refused({}, { columns: contract.columns }))).toEqual(['target'])
  })

  it.each(['recommendation', 'custom'] as const)('cannot train a %s model from a table', (model_type) => {
    expect(Object.keys(refused({ model_type }))).toEqual(['model_type'])
  })
})
