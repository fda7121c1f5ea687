import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import type { TrainRequest } from '../../src/contract/training.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aDataset, aTable, aTableOf, CUSTOMER, someTickets, type Trained, toCsv, train } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { storedKeys, temporaryFiles } from '../helpers/files.ts'
import { rowsOf } from '../helpers/tables.ts'

describe('training', () => {
  let app: TestApp
  let client: MlClient

  beforeAll(async () => {
    app = await startApp({ config: { trainingConcurrency: 2 } })
    client = app.client
  })
  afterAll(() => app.stop())

  describe('two classes', () => {
    let made: Trained
    beforeAll(async () => {
      made = await train(client, { model_name: 'binary', dataset_id: (await aDataset(client)).id })
    })
    const place = () => ({ model_id: made.model_id, version: made.version })

    it('ends with a version that is live', async () => {
      expect(made.job).toMatchObject({ status: 'succeeded', progress: 1, stage: 'succeeded', version: '1.0.0' })
      expect(made.job.message).toBe('Version 1.0.0 is live in "production": first version')
      expect(Date.parse(made.job.finished_at!)).toBeGreaterThanOrEqual(Date.parse(made.job.started_at!))
      expect(await client.models.get({ model_id: 'binary' })).toMatchObject({
        id: made.model_id,
        type: 'classification',
        target: 'bought',
        latest_version: '1.0.0',
        deployments: { production: '1.0.0' },
      })
    })

    it('learns what there is to learn', async () => {
      const { metrics, hyperparameters, algorithm, signature } = await client.versions.get(place())
      expect(metrics.f1).toBeGreaterThan(0.7)
      expect(metrics.roc_auc).toBeGreaterThan(0.7)
      expect(algorithm).toBe('logistic_regression')
      expect(hyperparameters).toMatchObject({ l2: 1, fit_intercept: true })
      expect(signature?.inputs).toEqual([
        expect.objectContaining({ name: 'age', dtype: 'integer', min: expect.any(Number), max: expect.any(Number) }),
        expect.objectContaining({ name: 'income', nullable: true }),
        { name: 'city', dtype: 'string', nullable: false, categories: ['Bonn', 'Oslo', 'Rome'] },
      ])
      expect(signature?.outputs[0]).toMatchObject({ name: 'label', categories: ['0', '1'] })
    })

    it('records where the version comes from', async () => {
      const dataset = await client.datasets.get({ dataset_id: made.dataset_id })
      const report = await client.models.lineage({ model_id: 'binary' })
      expect(report.versions).toHaveLength(1)
      expect(report.versions[0]?.lineage).toEqual({
        dataset_id: dataset.id,
        dataset_sha256: dataset.sha256,
        parent_version: null,
        training_job_id: made.job_id,
        code_version: expect.any(String),
        seed: 42,
        environment: expect.objectContaining({ node: process.versions.node }),
      })
    })

    it('stores the model, its metadata and CURRENT', async () => {
      const folder = join(app.app.config.modelPath, 'models', made.model_id)
      const version = await client.versions.get(place())
      const file = await readFile(join(folder, 'versions/1.0.0/model.onnx'))
      expect(createHash('sha256').update(file).digest('hex')).toBe(version.artifact_sha256)
      expect(version.artifact_url).toContain(`models/${made.model_id}/versions/1.0.0/model.onnx`)
      const metadata: unknown = JSON.parse(await readFile(join(folder, 'versions/1.0.0/metadata.json'), 'utf8'))
      expect(metadata).toEqual(await client.versions.metadata(place()))
      expect(metadata).toMatchObject({
        model_version_id: `${made.model_id}:1.0.0`,
        metric: { name: 'f1', value: version.metrics.f1 },
        training_data_file: expect.stringMatching(/^table /),
        schema_version: 1,
        signature: version.signature,
      })
      await expect.poll(() => readFile(join(folder, 'CURRENT'), 'utf8').catch(() => '')).toBe('1.0.0\n')
    })

    it('gives the file out as it was registered', async () => {
      const { stream, filename, size } = await client.versions.artifact(place())
      const bytes = Buffer.from(await new Response(stream).arrayBuffer())
      const { artifact_sha256 } = await client.versions.get(place())
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(artifact_sha256)
      expect({ filename, size }).toEqual({ filename: `${made.model_id}-1.0.0.onnx`, size: bytes.length })
    })

    it('leaves no temporary files', async () => {
      await expect.poll(() => temporaryFiles(app)).toEqual([])
    })

    it('tells of itself in order', async () => {
      const { outbox } = await rowsOf(app, 'default')
      const events = (
        outbox as { seq: number; event: { type: string; subject: string; data: Record<string, unknown> } }[]
      )
        .toSorted((a, b) => a.seq - b.seq)
        .map(({ event }) => event)
        .filter(({ data }) => data.job_id === made.job_id || data.model_id === made.model_id)
      const types = events.map(({ type }) => type)
      expect(types.filter((type) => type !== 'ml.training.progress')).toEqual([
        'ml.training.started',
        'ml.training.completed',
        'ml.model.trained',
        'ml.model.promoted',
        'ml.model.deployed',
      ])
      expect(events[0]).toMatchObject({ subject: made.job_id, data: { tenant_id: 'default', version: '1.0.0' } })
      expect(types.lastIndexOf('ml.training.progress')).toBeLessThan(types.indexOf('ml.training.completed'))
    })

    it('makes the same file again of the same dataset and seed, and does not promote what is no better', async () => {
      const again = await train(client, { model_name: 'binary', dataset_id: made.dataset_id })
      expect(again).toMatchObject({ model_id: made.model_id, version: '1.1.0' })
      expect(again.job).toMatchObject({
        status: 'succeeded',
        message: expect.stringContaining('was not promoted: not better'),
      })
      const [first, second] = await Promise.all(
        ['1.0.0', '1.1.0'].map((version) => client.versions.get({ model_id: 'binary', version })),
      )
      expect(second).toMatchObject({
        status: 'rejected',
        metrics: first!.metrics,
        error: expect.stringContaining('not better'),
      })
      expect(second!.lineage.parent_version).toBe('1.0.0')
      expect(first!.status).toBe('deployed')
      expect((await client.models.get({ model_id: 'binary' })).deployments).toEqual({ production: '1.0.0' })
      expect(await storedKeys(app)).toContain(`models/${made.model_id}/versions/1.1.0/model.onnx`)
    })

    it('makes the same file to the byte of the same dataset, seed, name and number', async () => {
      const digest = async () => {
        const { model_id } = await train(client, { model_name: 'twin', dataset_id: made.dataset_id, promotion: false })
        const { artifact_sha256 } = await client.versions.get({ model_id, version: '1.0.0' })
        await client.models.delete({ model_id })
        return artifact_sha256
      }
      expect(await digest()).toBe(await digest())
    })

    it('keeps everything that was measured', async () => {
      const report = await client.versions.evaluation(place())
      const { metrics } = await client.versions.get(place())
      expect(report).toMatchObject({ ...place(), metrics, regression: null, folds: [], trials: [] })
      expect(report.split).toEqual({
        method: 'stratified',
        train_rows: 96,
        test_rows: 24,
        test_fraction: 0.2,
        seed: 42,
        dropped_rows: 0,
      })
      const { low, high } = report.intervals.roc_auc!
      expect(low).toBeLessThanOrEqual(metrics.roc_auc!)
      expect(high).toBeGreaterThanOrEqual(metrics.roc_auc!)
      const { confusion, curves, thresholds, calibration } = report.classification!
      expect(confusion.matrix!.flat().reduce((sum, count) => sum + count, 0)).toBe(24)
      expect(curves.map((curve) => curve.class)).toEqual(['1'])
      expect(thresholds!.length).toBeGreaterThan(18)
      expect(calibration.bins.reduce((sum, bin) => sum + bin.rows, 0)).toBe(24)
      expect(report.gate).toEqual({
        promote: true,
        reason: 'first version',
        metric: 'f1',
        value: metrics.f1,
        champion: null,
        champion_value: null,
      })
    })

    it('compares two versions', async () => {
      const same = await client.versions.compare({ model_id: 'binary', a: '1.0.0', b: '1.1.0' })
      expect(same).toMatchObject({ same_dataset: true, hyperparameters: [] })
      expect(same.metrics.find(({ name }) => name === 'f1')).toMatchObject({ difference: 0, better: 'same' })
      const missing = client.versions.compare({ model_id: 'binary', a: '1.0.0', b: '9.0.0' })
      expect(await refusal(missing)).toMatchObject({ code: 'VERSION_NOT_FOUND' })
    })
  })

  it('learns three classes, with a probability for each', async () => {
    const dataset = await aDataset(client, aTableOf('classes', { rows: 150 }), 'classes')
    const { job, model_id } = await train(client, { model_name: 'classes', dataset_id: dataset.id })
    expect(job.status).toBe('succeeded')
    const { metrics } = await client.versions.get({ model_id, version: '1.0.0' })
    expect(metrics.f1).toBeGreaterThan(0.6)
    const answer = await client.models.predict({ model_id, input_data: { ...CUSTOMER, age: 21, city: 'Rome' } })
    expect(answer.prediction).toBe('low')
    expect(Object.keys(answer.probabilities!)).toEqual(['high', 'low', 'mid'])
    const sum = Object.values(answer.probabilities!).reduce((a, b) => a + b, 0)
    expect(sum).toBeCloseTo(1, 5)
    expect(answer.confidence).toBe(answer.probabilities!.low)
  })

  it('learns a number, by RMSE, with other settings than the default', async () => {
    const dataset = await aDataset(client, aTableOf('number'), 'number')
    const request = { model_name: 'number', model_type: 'regression', hyperparameters: { l2: 0.1 } } as const
    const { job, model_id } = await train(client, {
      ...request,
      dataset_id: dataset.id,
      evaluation: { folds: 3, seed: 7 },
    })
    expect(job).toMatchObject({ status: 'succeeded', hyperparameters: { l2: 0.1 } })
    const { metrics, algorithm, lineage } = await client.versions.get({ model_id, version: '1.0.0' })
    expect(algorithm).toBe('linear_regression')
    expect(metrics.r2).toBeGreaterThan(0.95)
    expect(metrics).toHaveProperty('cv_rmse_mean')
    expect(lineage.seed).toBe(7)
    const { prediction, confidence } = await client.models.predict({ model_id, input_data: CUSTOMER })
    expect(Math.abs(Number(prediction) - 130)).toBeLessThan(5)
    expect(confidence).toBeUndefined()
  })

  it('learns from text', async () => {
    const dataset = await aDataset(client, someTickets(), 'priority')
    const { job, model_id } = await train(client, { model_name: 'tickets', dataset_id: dataset.id })
    expect(job.status).toBe('succeeded')
    const { prediction } = await client.models.predict({ model_id, input_data: { text: 'server down again' } })
    expect(prediction).toBe('high')
  })

  it('learns from the columns it is told to, and weighs classes where it is told to', async () => {
    const dataset = await aDataset(client)
    const request: Partial<TrainRequest> = { model_name: 'chosen', features: ['city', 'age'] }
    const { model_id } = await train(client, {
      ...request,
      dataset_id: dataset.id,
      hyperparameters: { class_weight: 'balanced' },
      algorithm: 'logistic_regression',
    })
    const { signature, hyperparameters } = await client.versions.get({ model_id, version: '1.0.0' })
    expect(signature?.inputs.map(({ name }) => name)).toEqual(['city', 'age'])
    expect(hyperparameters).toMatchObject({ class_weight: 'balanced' })
  })

  it('holds out the latest rows where a time column is named', async () => {
    const rows = aTable({ rows: 100 }).map((row, i) => ({ ...row, day: `2024-${1 + (i % 12)}-${1 + (i % 28)}` }))
    const dataset = await aDataset(client, rows)
    const { job } = await train(client, {
      model_name: 'time',
      dataset_id: dataset.id,
      evaluation: { time_column: 'day' },
    })
    expect(job.status).toBe('succeeded')
  })

  it('has a schema for every algorithm', async () => {
    const { items } = await client.algorithms.list()
    expect(items.map(({ name }) => name)).toEqual(expect.arrayContaining(['logistic_regression', 'linear_regression']))
    for (const { hyperparameters } of items)
      expect(hyperparameters).toMatchObject({ type: 'object', additionalProperties: false })
  })

  it('of an uploaded file works as of rows', async () => {
    const { id } = await client.datasets.create({ file: toCsv(aTable()), filename: 'c.csv', target: 'bought' })
    const { job } = await train(client, { model_name: 'from_file', dataset_id: id })
    expect(job.status).toBe('succeeded')
  })
})

describe('BALANCED_CLASS_WEIGHT', () => {
  it('finds more of a rare class', async () => {
    const rows = aTable({ rows: 200, noise: 0.3 }).filter(({ bought }, i) => bought === 0 || i % 5 === 0)
    const recallOf = async (balancedClassWeight: boolean) => {
      await using app = await startApp({ config: { balancedClassWeight } })
      const dataset = await aDataset(app.client, rows)
      const hyperparameters = { labels: 'probable' }
      const { model_id } = await train(app.client, { dataset_id: dataset.id, hyperparameters })
      return (await app.client.versions.get({ model_id, version: '1.0.0' })).metrics.recall!
    }
    expect(await recallOf(true)).toBeGreaterThan(await recallOf(false))
  })
})
