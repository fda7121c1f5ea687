import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { operations } from '../../src/contract/operations/index.ts'
import { until } from '../e2e/processes.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { resultBytes, untilBatchEnds } from '../helpers/batch.ts'
import { aDataset, anAddingModel, aTrainedModel } from '../helpers/builders.ts'
import { wideModel } from '../runtime-models.ts'

describe.each([...DATABASES])('the service about itself, on the %s database', (database) => {
  let app: TestApp
  beforeAll(async () => {
    app = await startAppOn(database)
  })
  afterAll(() => app.stop())

  it('is healthy and not ready while there is no model', async () => {
    const health = await app.client.health()
    expect(health).toMatchObject({
      status: 'healthy',
      models_loaded: false,
      redis_connected: false,
      gpu_available: false,
    })
    expect(health.dependencies.map(({ service_name }) => service_name)).toEqual(['database', 'objects', 'bus', 'cache'])
    const reply = await app.inject({ method: 'GET', url: '/ready' })
    expect(reply.statusCode).toBe(503)
    expect(reply.json()).toEqual({ ready: false, reason: expect.stringContaining('No model is live') })
  })

  it('shows no credentials', async () => {
    const { body } = await app.inject({ method: 'GET', url: '/health' })
    expect(body).not.toMatch(/:\/\/[^/"]*@/)
  })

  it('is ready once a model is live, and names it while it is the only one', async () => {
    const { model_id } = await anAddingModel(app.client)
    expect(await app.client.ready()).toEqual({ ready: true, model_version_id: `${model_id}:1.0.0` })
    expect(await app.client.health()).toMatchObject({ models_loaded: true })
    await anAddingModel(app.client, { name: 'second' })
    expect(await app.client.ready()).toEqual({ ready: true })
  })

  it('looks for new versions when told to', async () => {
    const before = await app.client.reload()
    expect(before.models).toBe(2)
    await anAddingModel(app.client, { name: 'third' })
    const after = await app.client.reload()
    expect(after.models).toBe(3)
    expect(after.revision).toBeGreaterThan(before.revision)
  })

  it('counts what it does', async () => {
    const { client } = app
    await client.models.predict({ model_id: 'adder', input_data: [1] })
    await client.models.predict_batch({ model_id: 'adder', input_data: [[1], [2], [3]] })
    await client.models.predict({ model_id: 'adder', input_data: ['x'] }).catch(() => {})
    await aTrainedModel(client)
    const metrics = (await app.app.http.inject('/metrics')).body
    const of = (name: string, labels = '') => {
      const line = metrics.split('\n').find((text) => text.startsWith(`${name}{`) && text.includes(labels))
      return Number(line?.split(' ').at(-1) ?? Number.NaN)
    }
    expect(of('ml_inference_requests_total', 'model="adder"')).toBe(3)
    expect(of('ml_inference_duration_seconds_count', 'model="adder"')).toBe(3)
    // The refused row ran nowhere.
    expect(of('ml_prediction_batch_size_sum', 'model="adder"')).toBe(4)
    expect(of('ml_inference_errors_total', 'code="VALIDATION_ERROR"')).toBe(1)
    expect(of('ml_model_memory_bytes', 'model="adder"')).toBeGreaterThan(50)
    expect(of('ml_model_load_time_seconds_count', 'model="adder"')).toBe(1)
    expect(of('ml_training_jobs_total', 'status="succeeded"')).toBe(1)
    expect(of('ml_training_duration_seconds_count', 'algorithm="logistic_regression"')).toBe(1)
    for (const name of ['ml_cache_hits_total', 'ml_cache_misses_total', 'ml_queue_depth', 'ml_queue_active'])
      expect(metrics).toContain(`# HELP ${name} `)
  })

  it('keeps every reply to the contract: the walk over all operations below is complete', async () => {
    const { client } = app
    const { id } = await aDataset(client)
    await client.datasets.list()
    await client.datasets.get({ dataset_id: id })
    await client.datasets.rows({ dataset_id: id, limit: 2 })
    await client.datasets.validate({ dataset_id: id, contract: { columns: [{ name: 'age', dtype: 'number' }] } })
    await client.datasets.delete({ dataset_id: id })
    const model_id = 'customers'
    const { job_id } = await aTrainedModel(client, { promotion: false })
    await client.algorithms.list()
    await client.training_jobs.list()
    await client.training_jobs.get({ job_id })
    await client.models.list()
    await client.models.create({ name: 'defined', type: 'custom' })
    await client.models.get({ model_id })
    await client.models.update({ model_id, description: 'x' })
    await client.versions.list({ model_id })
    await client.versions.get({ model_id, version: '1.1.0' })
    await client.versions.artifact({ model_id, version: '1.1.0' })
    await client.versions.metadata({ model_id, version: '1.1.0' })
    await client.versions.evaluation({ model_id, version: '1.1.0' })
    await client.versions.explanation({ model_id, version: '1.1.0' })
    await client.versions.compare({ model_id, a: '1.0.0', b: '1.1.0' })
    await client.versions.trust({ model_id, version: '1.1.0', trusted: true })
    await client.models.lineage({ model_id })
    await client.models.deploy({ model_id, version: '1.1.0' })
    await client.models.rollback({ model_id })
    await client.models.deployments({ model_id })
    await client.models.deploy({ model_id, version: '1.1.0', strategy: { type: 'canary', percent: 0 } })
    await client.rollouts.get({ model_id, environment: 'production' })
    await client.models.rollback({ model_id })
    const row = { age: 1, city: 'Rome' }
    const { prediction_id } = await client.models.predict({ model_id, input_data: row })
    await client.models.predict_batch({ model_id, input_data: [row] })
    await client.inference({ model_id, features: row })
    await client.predict_model({ model_id, input_data: row })
    await client.predictions.feedback({ prediction_id, actual: 1 })
    const batch = await client.batch_jobs.create({ model_id, input_batch: [row] })
    await untilBatchEnds(client, batch.id)
    for await (const { event } of client.batch_jobs.events({ job_id: batch.id })) expect(event).toBe('succeeded')
    await client.batch_jobs.list()
    await resultBytes(client, { job_id: batch.id })
    await client.batch_jobs.delete({ job_id: batch.id })
    // A job may end before it can be cancelled; then the next one is.
    const cancelled = async () => {
      const { id: job_id } = await client.batch_jobs.create({ model_id, input_batch: Array(500).fill(row) })
      return client.batch_jobs.cancel({ job_id }).catch(() => undefined)
    }
    await until(cancelled, { what: 'a batch job that was cancelled', everyMs: 0, timeoutMs: 30_000 })
    const { id: wide } = await client.models.create({ name: 'wide', type: 'custom' })
    await client.versions.import({ model_id: wide, file: wideModel() })
    await client.versions.quantize({ model_id: wide, version: '1.0.0' })
    for (const name of ['adder', 'second', 'third', 'wide']) await client.models.delete({ model_id: name, force: true })
    await client.predict_default({ body: row })
    const waiting = await client.models.train({
      model_name: 'x',
      dataset_id: (await aDataset(client)).id,
      model_type: 'classification',
    })
    await client.training_jobs.cancel({ job_id: waiting.job_id })
    const user = { entity_type: 'user', entity_id: 'u1' }
    await client.features.declare({ entity_type: 'user', features: [{ name: 'age', dtype: 'number' }] })
    await client.features.entity_types()
    await client.features.put({ ...user, features: { age: 30 } })
    await client.features.get(user)
    await client.features.read({ entity_type: 'user', entity_ids: ['u1'] })
    await client.features.ingest({ entity_type: 'user', rows: [{ entity_id: 'u2', age: 31 }] })
    const visits = [{ who: 'u1', when: '2999-01-01T00:00:00Z', bought: 1 }]
    await client.features.training_table({
      entity_type: 'user',
      dataset_id: (await client.datasets.create({ name: 'visits', rows: visits })).id,
      entity_column: 'who',
      time_column: 'when',
    })
    await client.interactions.record({ interactions: [{ user_id: 'u1', event: 'viewed' }] })
    await client.interactions.list()
    const { id: schedule_id } = await client.schedules.create({
      name: 'nightly',
      operation: 'batch_jobs.create',
      input: { model_id, input_batch: [row] },
    })
    await client.schedules.list()
    await client.schedules.get({ schedule_id })
    await client.schedules.update({ schedule_id, active: false })
    await client.schedules.run({ schedule_id })
    await client.schedules.runs({ schedule_id })
    await client.schedules.delete({ schedule_id })
    await client.events.receive({ event_type: 'anything', payload: {} })
    const { id: webhook_id } = await client.webhooks.create({ url: 'https://example.org', events: [] })
    await client.webhooks.list()
    await client.webhooks.get({ webhook_id })
    await client.webhooks.update({ webhook_id, active: false })
    await client.webhooks.rotate({ webhook_id })
    await client.webhooks.deliveries({ webhook_id })
    await client.webhooks.replay({ webhook_id })
    await client.webhooks.delete({ webhook_id })
    await travel(client)
    await client.health()
    await client.ready()
    const missing = Object.keys(operations).filter((name) => !app.answered.has(name as keyof typeof operations))
    expect(missing).toEqual([])
  })
})

/** The travel services, asked and trained. */
async function travel(client: MlClient): Promise<void> {
  await client.match.score({ user_a_id: 'u1', user_b_id: 'u2' })
  await client.recommend.destinations({ user_id: 'u1' })
  await client.features.declare({ entity_type: 'user', features: [{ name: 'pace', dtype: 'number' }] })
  const rows = Array.from({ length: 40 }, (_, i) => ({ entity_id: `t${i}`, pace: i / 40 }))
  await client.features.ingest({ entity_type: 'user', rows })
  const outcomes = rows.map(({ entity_id: user_id }, i) => ({
    user_id,
    item_id: `t${(i * 7 + 1) % 40}`,
    event: i % 2 ? 'match_accepted' : 'match_declined',
  }))
  await client.interactions.record({ interactions: outcomes })
  await client.travel.train({ service: 'match' })
  await client.notifications.optimize({ user_id: 'u1', notification_type: 'message', urgency: 'low' })
}
