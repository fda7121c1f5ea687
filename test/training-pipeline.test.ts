// Whole training runs in this process, on small generated tables: real DuckDB, real learners, real ONNX Runtime.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { seededRandom } from '../src/core/random.ts'
import type { TrainingProgress } from '../src/domain/training/pipeline/spec.ts'
import { ALGORITHMS, type Learner } from '../src/ml/learn/index.ts'
import { inspectModel } from '../src/ml/onnx/inspect.ts'
import { openSession } from '../src/runtime/in-process.ts'
import { csvOf, csvSpec, customers, customersCsv, INPUTS, run } from './training-pipeline-spec.ts'

async function ask(path: string, rows: readonly { age: number; city: string; note: string; joined: string }[]) {
  const session = await openSession(await readFile(path))
  const dims = [rows.length, 1]
  const { outputs } = await session.run({
    age: { type: 'float64', dims, data: Float64Array.from(rows, (row) => row.age) },
    city: { type: 'string', dims, data: rows.map((row) => row.city) },
    note: { type: 'string', dims, data: rows.map((row) => row.note) },
    joined: { type: 'float64', dims, data: Float64Array.from(rows, (row) => Date.parse(row.joined)) },
  })
  await session.close()
  return outputs
}

const OLD_ROMAN = { age: 75, city: 'Rome', note: 'lovely', joined: '2024-02-01' }
const YOUNG_NORWEGIAN = { age: 19, city: 'Oslo', note: 'broken', joined: '2024-02-01' }

test('a classification of text classes becomes one file from raw columns to label and probabilities', async () => {
  const outcome = await run(await csvSpec(customersCsv('plan'), 'plan'))
  expect(outcome.metrics.accuracy).toBeGreaterThan(0.6)
  expect(outcome.gateMetric).toEqual({ name: 'f1', value: outcome.metrics.f1, greaterIsBetter: true })
  expect(outcome.evaluation.classification?.classes).toEqual(['basic', 'gold', 'silver'])
  expect(outcome.evaluation.split).toEqual({
    method: 'stratified',
    train_rows: 180,
    test_rows: 60,
    test_fraction: 0.25,
    seed: 7,
    dropped_rows: 0,
  })
  const { label, probabilities } = await ask(outcome.artifact.path, [OLD_ROMAN, YOUNG_NORWEGIAN])
  expect(label?.data).toEqual(['gold', 'basic'])
  expect(probabilities?.dims).toEqual([2, 3])
})

test('the signature tells inputs with their ranges and categories, and the classes', async () => {
  const { signature } = await run(await csvSpec(customersCsv('plan'), 'plan'))
  const [age, city, note, joined] = signature.inputs
  expect(age).toMatchObject({ name: 'age', dtype: 'integer', nullable: true })
  expect(age!.min).toBeGreaterThanOrEqual(18)
  expect(age!.max).toBeLessThan(78)
  expect(city).toMatchObject({ name: 'city', dtype: 'string', categories: ['Oslo', 'Rome', 'Łódź'] })
  expect(note).toEqual({ name: 'note', dtype: 'text', nullable: note!.nullable })
  expect(joined).toEqual({ name: 'joined', dtype: 'datetime', nullable: joined!.nullable })
  expect(signature.outputs).toEqual([
    { name: 'label', dtype: 'string', categories: ['basic', 'gold', 'silver'] },
    { name: 'probabilities', dtype: 'number' },
  ])
})

test('boolean classes answer 0 and 1 and are declared boolean', async () => {
  const outcome = await run(await csvSpec(customersCsv('member'), 'member'))
  expect(outcome.signature.outputs[0]).toEqual({ name: 'label', dtype: 'boolean', categories: ['false', 'true'] })
  const { label } = await ask(outcome.artifact.path, [OLD_ROMAN, YOUNG_NORWEGIAN])
  expect(label?.data).toEqual(BigInt64Array.of(1n, 0n))
})

test('integer classes keep their numbers', async () => {
  const outcome = await run(await csvSpec(customersCsv('level'), 'level'))
  expect(outcome.signature.outputs[0]).toMatchObject({ dtype: 'integer', categories: ['-1', '9', '10'] })
  const { label } = await ask(outcome.artifact.path, [OLD_ROMAN, YOUNG_NORWEGIAN])
  expect(label?.data).toEqual(BigInt64Array.of(10n, -1n))
})

test('a regression answers one number a row and is judged by its error', async () => {
  const outcome = await run(await csvSpec(customersCsv('spent'), 'spent', { modelType: 'regression' }))
  expect(outcome.gateMetric).toMatchObject({ name: 'rmse', greaterIsBetter: false })
  expect(outcome.metrics.r2).toBeGreaterThan(0.6)
  expect(outcome.signature.outputs).toEqual([{ name: 'prediction', dtype: 'number' }])
  expect(outcome.evaluation).toMatchObject({ split: { method: 'random' }, classification: null })
  expect(outcome.evaluation.regression?.residuals.counts.reduce((sum, count) => sum + count, 0)).toBe(60)
  const { prediction } = await ask(outcome.artifact.path, [OLD_ROMAN, YOUNG_NORWEGIAN])
  const [much, little] = prediction!.data as Float32Array
  expect(much! - little!).toBeGreaterThan(50)
})

test('the same inputs give the same file to the byte, and another seed another', async () => {
  const hash = async (seed: number) => {
    const { artifact } = await run(await csvSpec(customersCsv('plan'), 'plan', { evaluation: { seed } }))
    const bytes = await readFile(artifact.path)
    expect(artifact).toMatchObject({ bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
    return artifact.sha256
  }
  const [first, again, other] = [await hash(7), await hash(7), await hash(8)]
  expect(again).toBe(first)
  expect(other).not.toBe(first)
})

test('the file says which model, version and program it is from, and nothing of when', async () => {
  const outcome = await run(await csvSpec(customersCsv('plan'), 'plan', { version: '3.1.4' }))
  const { metadata } = inspectModel(await readFile(outcome.artifact.path))
  expect(Object.fromEntries(Object.entries(metadata))).toEqual({
    model_name: 'test-model',
    model_version: '3.1.4',
    modelyard_version: outcome.environment.modelyard,
  })
})

test('rows without a target are left out with a warning that counts them', async () => {
  const rows = customers(240).map((row, i) => (i % 12 === 0 ? { ...row, plan: '' } : row))
  const outcome = await run(await csvSpec(csvOf(rows, [...INPUTS, 'plan']), 'plan'))
  expect(outcome.trainedRows + outcome.heldOutRows).toBe(220)
  expect(outcome.evaluation.split.dropped_rows).toBe(20)
  expect(outcome.warnings).toContainEqual(expect.stringMatching(/^20 rows .*"plan"/))
})

test('a column that says nothing is left out with a warning and stays an input', async () => {
  const rows = customers(240).map((row) => ({ ...row, country: 'NO' }))
  const spec = await csvSpec(csvOf(rows, [...INPUTS, 'country', 'plan']), 'plan')
  const outcome = await run(spec)
  expect(outcome.warnings).toContainEqual(expect.stringContaining('"country"'))
  expect(outcome.signature.inputs.map((input) => input.name)).toEqual([...INPUTS, 'country'])
})

test('only the features asked for are learned from, in the order asked', async () => {
  const outcome = await run(await csvSpec(customersCsv('plan'), 'plan', { features: ['city', 'age'] }))
  expect(outcome.signature.inputs.map((input) => input.name)).toEqual(['city', 'age'])
  expect(outcome.featureNames.every((name) => name.startsWith('city') || name.startsWith('age'))).toBe(true)
})

test('folds add the mean and spread of every figure over models fitted on parts of the training rows', async () => {
  const outcome = await run(await csvSpec(customersCsv('plan'), 'plan', { evaluation: { folds: 4 } }))
  const { folds } = outcome.evaluation
  expect(folds).toHaveLength(4)
  const mean = folds!.reduce((sum, fold) => sum + fold.accuracy!, 0) / 4
  expect(outcome.metrics.cv_accuracy_mean).toBeCloseTo(mean, 12)
  expect(outcome.metrics.cv_accuracy_std).toBeGreaterThan(0)
  expect(outcome.metrics.accuracy).toBeDefined()
})

test('a time column holds out the latest rows', async () => {
  const spec = await csvSpec(customersCsv('plan'), 'plan', {
    evaluation: { time_column: 'joined' },
    features: ['joined', 'age'],
  })
  const later = customers(240).slice(180)
  const seen: number[] = []
  const outcome = await run(spec, {
    learners: {
      logistic_regression: {
        fit: (input) => {
          if (input.target.task === 'classification') seen.push(...input.target.labels)
          return ALGORITHMS.logistic_regression.fit(input)
        },
      },
    },
  })
  expect(outcome.evaluation.split).toMatchObject({ method: 'time', time_column: 'joined', train_rows: 180 })
  const { classes, per_class } = outcome.evaluation.classification!
  expect(seen.map((label) => classes[label])).toEqual(
    customers(240)
      .slice(0, 180)
      .map((row) => row.plan),
  )
  const gold = per_class.find((one) => one.class === 'gold')
  expect(gold?.support).toBe(later.filter((row) => row.plan === 'gold').length)
})

test('balanced class weights give a rare class more of the answers', async () => {
  const rows = customers(600).map((row, i) => ({ ...row, plan: row.plan === 'gold' && i % 2 === 0 ? 'gold' : 'other' }))
  const csv = csvOf(rows, [...INPUTS, 'plan'])
  const recall = async (class_weight: 'balanced' | 'none') => {
    const { evaluation } = await run(await csvSpec(csv, 'plan', { hyperparameters: { class_weight } }))
    return evaluation.classification!.per_class.find((one) => one.class === 'gold')!.recall
  }
  expect(await recall('balanced')).toBeGreaterThan(await recall('none'))
})

test('progress names every stage in order and never falls', async () => {
  const seen: TrainingProgress[] = []
  const spec = await csvSpec(customersCsv('plan'), 'plan', { evaluation: { folds: 2 } })
  const outcome = await run(spec, { progress: (progress) => seen.push(progress) })
  const stages = ['load', 'split', 'cross-validate', 'encode', 'fit', 'write', 'parity', 'evaluate', 'explain']
  expect([...new Set(seen.map((one) => one.stage))]).toEqual(stages)
  expect(seen.map((one) => one.progress)).toEqual(seen.map((one) => one.progress).toSorted((a, b) => a - b))
  expect(Object.keys(outcome.durations)).toEqual(stages)
})

test('a run stops when it is asked to, in the middle of learning', async () => {
  const controller = new AbortController()
  const stop: Learner = (input) => {
    controller.abort()
    return ALGORITHMS.logistic_regression.fit(input)
  }
  const spec = await csvSpec(customersCsv('plan'), 'plan')
  const stopped = run(spec, { signal: controller.signal, learners: { logistic_regression: { fit: stop } } })
  await expect(stopped).rejects.toMatchObject({ kind: 'conflict', code: 'TRAINING_CANCELLED' })
})

test('a learner that writes another graph than it learned is caught', async () => {
  const wrong: Learner = async (input) => {
    const right = await ALGORITHMS.logistic_regression.fit(input)
    const other = await ALGORITHMS.logistic_regression.fit({ ...input, hyperparameters: { l2: 1.1 } })
    return {
      ...right,
      predict: (matrix) => right.predict(matrix),
      write: (graph, features) => other.write(graph, features),
    }
  }
  const spec = await csvSpec(customersCsv('plan'), 'plan')
  const error = run(spec, { learners: { logistic_regression: { fit: wrong } } })
  await expect(error).rejects.toMatchObject({ code: 'PARITY_FAILED', details: { row: 0 } })
})

test('weights that cancel each other are a warning about rounding, not a wrong graph', async () => {
  const random = seededRandom(3)
  const rows = Array.from({ length: 900 }, (_, i) => {
    const a = random.normal() + (i % 3) * 3
    return { a, b: a + 1e-5 * random.normal(), c: a - 1e-4 * random.normal(), y: `k${i % 3}` }
  })
  const hyperparameters = { l2: 0, max_iterations: 3000, tolerance: 1e-9 }
  const { warnings } = await run(await csvSpec(csvOf(rows), 'y', { hyperparameters }))
  expect(warnings).toContainEqual(expect.stringMatching(/cancel.*rounding.*nearly the same/))
})
