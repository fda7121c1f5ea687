// What a request can ask of trees, through the whole of a training: the names are those of the public hyperparameters.
import { describe, expect, it } from 'vitest'
import type { DataContract } from '../src/contract/datasets.ts'
import { planTraining } from '../src/domain/training/policy.ts'
import { csvOf, csvSpec, customers, customersCsv, run, type SpecChoices } from './training-pipeline-spec.ts'

const BOOSTING = { algorithm: 'gradient_boosting', features: ['age', 'city'] }

/** Settled as a request would be: names and values checked, defaults filled in. */
function settled(algorithm: string, model_type: 'classification' | 'regression', given: Record<string, unknown>) {
  const contract: DataContract = {
    target: 'y',
    columns: ['x', 'y'].map((name) => ({ name, dtype: 'number', required: true, nullable: true })),
  }
  const request = { model_name: 'm', dataset_id: 'ds_1', model_type, algorithm, hyperparameters: given }
  return planTraining(request, contract, { balancedClassWeight: false, trainingTimeoutMs: 60_000 }).hyperparameters
}

async function trained(target: 'spent' | 'plan' | 'member', hyperparameters: Record<string, unknown>, choices = {}) {
  const modelType = target === 'spent' ? 'regression' : 'classification'
  const { algorithm } = { ...BOOSTING, ...choices }
  const full = settled(algorithm, modelType, { n_estimators: 15, ...hyperparameters })
  const spec: SpecChoices = { ...BOOSTING, modelType, ...choices, hyperparameters: full }
  return run(await csvSpec(customersCsv(target), target, spec))
}

describe('gradient boosting of a request', () => {
  it.each(['squared', 'absolute', 'huber', 'quantile'])('minimises %s errors', async (objective) => {
    const { metrics } = await trained('spent', { objective, alpha: objective === 'quantile' ? 0.5 : 0.9 })
    expect(metrics.r2).toBeGreaterThan(0.3)
  })

  it('counts', async () => {
    const rows = customers(240).map((row) => ({ ...row, visits: Math.max(0, Math.round(row.spent / 20) - 3) }))
    const hyperparameters = settled('gradient_boosting', 'regression', { objective: 'poisson', n_estimators: 30 })
    const csv = csvOf(rows, ['age', 'city', 'visits'])
    const { metrics } = await run(
      await csvSpec(csv, 'visits', { ...BOOSTING, modelType: 'regression', hyperparameters }),
    )
    expect(metrics.r2).toBeGreaterThan(0.2)
  })

  it('tells three classes apart, balanced, from drawn rows and columns, level by level, until it gets no better', async () => {
    const { metrics, hyperparameters } = await trained('plan', {
      n_estimators: 200,
      early_stopping_rounds: 5,
      validation_fraction: 0.2,
      class_weight: 'balanced',
      subsample: 0.8,
      colsample: 0.9,
      grow_policy: 'depthwise',
      max_depth: 3,
      lambda_l1: 0.1,
      lambda_l2: 1,
      min_gain_to_split: 0.01,
      min_data_in_leaf: 3,
      threads: 2,
    })
    expect(metrics.accuracy).toBeGreaterThan(0.5)
    expect(hyperparameters).toMatchObject({ threads: 2, cat_smooth: 10 })
  })

  it('keeps to a constraint on a column by its name, and names one that cannot be kept', async () => {
    expect((await trained('spent', { monotone_constraints: { age: 1 } })).metrics.r2).toBeGreaterThan(0.3)
    await expect(trained('spent', { monotone_constraints: { city: 1 } })).rejects.toMatchObject({
      details: { errors: [{ field: 'hyperparameters.monotone_constraints.city' }] },
    })
  })
})

it('a random forest of a request is grown as it says', async () => {
  const settings = { subsample: 0.7, colsample_bynode: 0.5, max_depth: 6, class_weight: 'balanced' }
  const { metrics } = await trained('member', settings, { algorithm: 'random_forest' })
  expect(metrics.roc_auc).toBeGreaterThan(0.7)
})

describe('a weight column', () => {
  /** Two truths in one table: which one is learned says which rows counted. */
  const rows = Array.from({ length: 300 }, (_, i) => {
    const [x, first] = [i % 10, i % 3 > 0]
    return { x, y: first ? x : -x, weight: first ? 0.001 : 5 }
  })
  const learned = async (algorithm: string, table: readonly object[], choices: SpecChoices = {}) => {
    const spec = { algorithm, features: ['x'], modelType: 'regression' as const, evaluation: { folds: 2 }, ...choices }
    return run(await csvSpec(csvOf(table), 'y', spec))
  }

  it.each(['gradient_boosting', 'random_forest', 'linear_regression'])('decides which rows count: %s', async (name) => {
    const even = await learned(name, rows)
    const weighed = await learned(name, rows, { weightColumn: 'weight' })
    // Most held-out rows follow the truth that now counts next to nothing.
    expect(weighed.metrics.mae).toBeGreaterThan(even.metrics.mae! + 0.5)
    expect(weighed.metrics.cv_mae_mean).toBeGreaterThan(even.metrics.cv_mae_mean! + 0.5)
  })

  it.each([
    ['a gap', '', /"weight" has a gap/],
    ['a weight below 0', -1, /"weight" has the weight -1/],
  ])('with %s is a refusal that names it', async (_, weight, message) => {
    const table = rows.map((row, i) => (i === 7 ? { ...row, weight } : row))
    await expect(learned('linear_regression', table, { weightColumn: 'weight' })).rejects.toThrow(message)
  })
})
