// What is refused before a training begins, and what only its data can tell.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aDataset, aTable, CUSTOMER, train, untilEnded } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { storedKeys } from '../helpers/files.ts'
import { rowsOf } from '../helpers/tables.ts'

describe('training', () => {
  let app: TestApp
  let client: MlClient

  beforeAll(async () => {
    app = await startApp({ config: { trainingConcurrency: 2 } })
    client = app.client
  })
  afterAll(() => app.stop())

  describe('a request', () => {
    it('is refused with everything that is wrong, before anything is made', async () => {
      const dataset = await aDataset(client)
      const before = await rowsOf(app, 'default')
      const { kind, fields } = await refusal(
        client.models.train({
          model_name: 'refused',
          dataset_id: dataset.id,
          model_type: 'classification',
          target: 'nothing',
          features: ['age', 'agee'],
          algorithm: 'logistic_regression',
          hyperparameters: { learning_rate: 0.1, l2: -1 },
          evaluation: { metric: 'beauty' },
        }),
      )
      expect(kind).toBe('invalid')
      expect(Object.keys(fields).toSorted()).toEqual([
        'evaluation.metric',
        'features.1',
        'hyperparameters.l2',
        'hyperparameters.learning_rate',
        'target',
      ])
      expect(await rowsOf(app, 'default')).toEqual(before)
    })

    it.each([
      ['an impossible share', { evaluation: { test_fraction: 0.9 } }, 'evaluation.test_fraction'],
      ['an impossible name', { model_name: 'no spaces please' }, 'model_name'],
      ['an impossible version', { version: '1.0' }, 'version'],
      ['a version that numbers cannot tell apart', { version: '1.99999999999999999999.0' }, 'version'],
      ['an unknown field', { tunning: true }, 'tunning'],
      ['promotion: true', { promotion: true }, 'promotion'],
      ['a negative margin', { promotion: { min_improvement: -1 } }, 'promotion.min_improvement'],
    ])('with %s is refused by name', async (_, request, field) => {
      const base = { model_name: 'refused', dataset_id: 'dataset_1', model_type: 'classification' as const }
      const { kind, fields } = await refusal(client.models.train({ ...base, ...(request as object) }))
      expect(kind).toBe('invalid')
      expect(Object.keys(fields)).toContain(field)
    })

    it('for another type than the model has is a conflict', async () => {
      const { id } = await client.models.create({ name: 'typed', type: 'regression' })
      const dataset = await aDataset(client)
      const request = { model_name: 'typed', dataset_id: dataset.id, model_type: 'classification' as const }
      expect(await refusal(client.models.train(request))).toMatchObject({
        kind: 'conflict',
        code: 'MODEL_TYPE_MISMATCH',
      })
      expect(await client.versions.list({ model_id: id })).toEqual({ items: [], next_cursor: null })
    })

    it('may name its version, once', async () => {
      const dataset = await aDataset(client)
      const base = {
        model_name: 'numbered',
        dataset_id: dataset.id,
        model_type: 'classification' as const,
        promotion: false as const,
      }
      const first = await client.models.train({ ...base, version: '2.5.0' })
      expect(first.version).toBe('2.5.0')
      const twice = client.models.train({ ...base, version: '2.5.0' })
      expect(await refusal(twice)).toMatchObject({ kind: 'conflict', code: 'VERSION_EXISTS' })
      const next = await client.models.train(base)
      expect(next).toMatchObject({ model_id: first.model_id, version: '2.6.0' })
      for (const { job_id } of [first, next]) await client.training_jobs.cancel({ job_id }).catch(() => {})
      for (const { job_id } of [first, next]) await untilEnded(client, job_id)
      const { items } = await client.versions.list({ model_id: 'numbered' })
      expect(items.map(({ version }) => version)).toEqual(['2.6.0', '2.5.0'])
    })

    it('of a name that nobody has taken makes one model, however many come at once', async () => {
      const dataset = await aDataset(client)
      const request = { model_name: 'first', dataset_id: dataset.id, model_type: 'classification' as const }
      const accepted = await Promise.all(Array.from({ length: 5 }, () => client.models.train(request)))
      expect(new Set(accepted.map(({ model_id }) => model_id)).size).toBe(1)
      expect(accepted.map(({ version }) => version).toSorted()).toEqual(['1.0.0', '1.1.0', '1.2.0', '1.3.0', '1.4.0'])
      await Promise.all(accepted.map(({ job_id }) => client.training_jobs.cancel({ job_id }).catch(() => {})))
      await Promise.all(accepted.map(({ job_id }) => untilEnded(client, job_id)))
    })
  })

  it.each([
    ['one class only', aTable().map((row) => ({ ...row, bought: 1 })), /"bought" has the single value/],
    ['one row', aTable({ rows: 1 }), /"bought"/],
    [
      'a class of one row',
      [...aTable().map((row) => ({ ...row, bought: 0 })), { ...CUSTOMER, bought: 1 }],
      /"bought".*class "1"/,
    ],
    [
      'nothing that differs',
      aTable().map(({ bought }) => ({ same: 1, bought })),
      /No column is left to learn from.*"same"/,
    ],
  ])('of a table with %s fails and says what to do', async (_, rows, words) => {
    const dataset = await aDataset(client, rows)
    const { job, model_id, version } = await train(client, { model_name: 'hopeless', dataset_id: dataset.id })
    expect(job.status).toBe('failed')
    expect(job.error).toMatch(words)
    const stored = await client.versions.get({ model_id, version })
    expect(stored).toMatchObject({ status: 'failed', error: job.error, artifact_sha256: null, trained_at: null })
    const use = client.models.deploy({ model_id, version })
    expect(await refusal(use)).toMatchObject({ kind: 'conflict', code: 'VERSION_NOT_TRAINED' })
    expect((await storedKeys(app)).filter((key) => key.includes(`${model_id}/versions/${version}/`))).toEqual([])
  })

  it('jobs are listed newest first, by status and by model', async () => {
    const failed = await client.training_jobs.list({ status: 'failed', limit: 2 })
    expect(failed.items.map(({ status }) => status)).toEqual(['failed', 'failed'])
    const next = await client.training_jobs.list({ status: 'failed', limit: 2, cursor: failed.next_cursor! })
    expect(next.items.every(({ id }) => id < failed.items[1]!.id)).toBe(true)
    const ofModel = await client.training_jobs.list({ model_id: 'hopeless' })
    expect(ofModel.items.map(({ version }) => version)).toEqual(['1.3.0', '1.2.0', '1.1.0', '1.0.0'])
    expect((await refusal(client.training_jobs.list({ status: 'lost' as 'failed' }))).fields).toHaveProperty('status')
  })
})
