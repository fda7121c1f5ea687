// Real tables from ../shared/data. The floors lie below scikit-learn's figures for the same kind of model on these files.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { run, specOf } from './training-pipeline-spec.ts'

const DATA = join(import.meta.dirname, '../../shared/data')
if (!existsSync(DATA)) console.warn(`skipped: training on real tables, because ${DATA} is absent`)

describe.skipIf(!existsSync(DATA))('a run on', () => {
  test('titanic learns who survived', async () => {
    const features = ['Pclass', 'Sex', 'Age', 'SibSp', 'Parch', 'Fare', 'Embarked']
    const spec = await specOf(join(DATA, 'tabular-binary/titanic/titanic.csv'), 'Survived', { features })
    const { metrics, signature } = await run({ ...spec, evaluation: { test_fraction: 0.2, seed: 42, folds: 5 } })
    expect(metrics.roc_auc).toBeGreaterThan(0.82)
    expect(metrics.cv_roc_auc_mean).toBeGreaterThan(0.83)
    expect(signature.outputs[0]?.categories).toEqual(['0', '1'])
  })

  test('sms-spam learns from text alone', async () => {
    const spec = await specOf(join(DATA, 'text/sms-spam/sms-spam.csv'), 'label', {
      hyperparameters: { class_weight: 'balanced' },
    })
    const { metrics, featureNames } = await run(spec)
    expect(metrics.f1_macro).toBeGreaterThan(0.94)
    expect(featureNames.length).toBeGreaterThan(5000)
  })

  test('abalone learns the number of rings', async () => {
    const file = join(DATA, 'tabular-regression/abalone/abalone.csv')
    const { metrics } = await run(await specOf(file, 'rings', { modelType: 'regression' }))
    expect(metrics.rmse).toBeLessThan(2.4)
  })

  test('bank-additional learns who subscribes, from trees over numbers and categories', async () => {
    const spec = await specOf(join(DATA, 'tabular-binary/bank-additional/bank-additional.csv'), 'y', {
      algorithm: 'gradient_boosting',
      hyperparameters: { n_estimators: 50 },
    })
    const { metrics, featureNames, warnings } = await run(spec)
    expect(metrics.roc_auc).toBeGreaterThan(0.92)
    expect(featureNames).toContain('job')
    expect(warnings).toEqual([])
  })
})
