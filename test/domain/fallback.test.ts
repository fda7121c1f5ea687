// What callers get of a model that is cached, late, or away.
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { loopModel } from '../runtime-models.ts'

describe('how a model wants to be served', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp()
  })
  afterAll(() => app.stop())

  it('is checked where it is said', async () => {
    const metadata = { fallback: { answer: 1 }, deadline_ms: 0, cache: 'yes', owner: 'anyone' }
    const refused = await refusal(app.client.models.create({ name: 'wrong', type: 'regression', metadata }))
    expect(Object.keys(refused.fields!).sort()).toEqual([
      'metadata.cache',
      'metadata.deadline_ms',
      'metadata.fallback.answer',
      'metadata.fallback.prediction',
    ])
  })

  it('makes its answers cached, each still with an id of its own', async () => {
    await anAddingModel(app.client, { name: 'cached' })
    await app.client.models.update({ model_id: 'cached', metadata: { cache: true } })
    const ask = () => app.client.models.predict({ model_id: 'cached', input_data: [1] })
    const [first, second] = [await ask(), await ask()]
    expect(second.prediction).toBe(first.prediction)
    expect(second.prediction_id).not.toBe(first.prediction_id)
    const { body } = await app.inject({ method: 'GET', url: '/metrics' })
    expect(body).toContain('ml_cache_hits_total{cache="process"} 1')
  })

  it('lets a declared default stand in for a model that cannot be loaded', async () => {
    const version = await anAddingModel(app.client, { name: 'lost', version: '1.0.0', live: false })
    await app.client.models.update({ model_id: 'lost', metadata: { fallback: { prediction: 42 } } })
    const folder = join(app.dataDir, 'artifacts/models', version.model_id, 'versions/1.0.0')
    await rm(folder, { recursive: true })
    const ask = { model_id: 'lost', version: '1.0.0' }
    const answer = await app.client.models.predict({ ...ask, input_data: [1] })
    expect(answer).toMatchObject({ prediction: 42, fallback: true, version: '1.0.0' })
    const { results } = await app.client.inference({ ...ask, features: [[1], [2]] })
    expect(results).toEqual([
      { prediction: 42, fallback: true },
      { prediction: 42, fallback: true },
    ])
  })

  it('costs nobody a worker where a run outlasts a short deadline', async () => {
    const { id: model_id } = await app.client.models.create({ name: 'loop', type: 'custom' })
    await app.client.versions.import({ model_id, file: loopModel(), trusted: true })
    await app.client.models.deploy({ model_id, version: '1.0.0' })
    const ask = async (turns: number) => {
      const inputs = [
        { name: 'count', datatype: 'INT64', shape: [], data: [turns] },
        { name: 'x', datatype: 'FP32', shape: [1], data: [0] },
      ]
      return app.inject({ method: 'POST', url: '/v2/models/loop/infer', payload: { inputs } })
    }
    await ask(1)
    const began = performance.now()
    await ask(50_000)
    const turns = Math.ceil((300 / (performance.now() - began)) * 50_000)
    await app.client.models.update({ model_id, metadata: { deadline_ms: 30 } })
    let started = 0
    const count = () => void started++
    process.on('worker', count)
    expect((await ask(turns)).json()).toMatchObject({ error: expect.stringContaining('within 30 ms') })
    await expect.poll(async () => (await ask(1)).statusCode, { timeout: 10_000 }).toBe(200)
    process.off('worker', count)
    expect(started).toBe(0)
  })
})
