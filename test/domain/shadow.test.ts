// Shadows: run on copies of requests, they answer nobody, and what they would have answered differently is kept.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { addModel, pickyModel } from '../runtime-models.ts'

const eventually = (work: () => Promise<unknown> | unknown) => expect.poll(work, { timeout: 15_000, interval: 50 })

describe.each(DATABASES)('a shadow (%s)', (database) => {
  let app: TestApp
  let client: MlClient
  let model_id = ''
  beforeAll(async () => {
    app = await startAppOn(database, { worker: false })
    client = app.client
    ;({ model_id } = await anAddingModel(client, { amount: 1, version: '1.0.0' }))
    await client.versions.import({ model_id, file: addModel(3), trusted: true, version: '1.1.0' })
    await client.versions.import({ model_id, file: pickyModel(1), trusted: true, version: '1.2.0' })
  })
  afterAll(() => app.stop())

  const shadow = (version: string, percent?: number) =>
    client.models.deploy({
      model_id,
      version,
      strategy: { type: 'shadow', ...(percent !== undefined && { percent }) },
    })
  const report = () => client.rollouts.get({ model_id, environment: 'production' })
  const ask = async (x: number) => {
    const { prediction, version } = await client.models.predict({ model_id, input_data: { x } })
    expect({ prediction, version }).toEqual({ prediction: x + 1, version: '1.0.0' })
  }

  it('answers nobody, and every difference is counted', async () => {
    expect(await shadow('1.1.0')).toMatchObject({ strategy: { type: 'shadow', percent: 100 } })
    await Promise.all(Array.from({ length: 20 }, (_, x) => ask(x)))
    await client.models.predict_batch({ model_id, input_data: [[1], ['no number'], [2]] })
    await eventually(async () => (await report()).differences?.rows).toBe(22)
    const found = await report()
    expect(found).toMatchObject({
      type: 'shadow',
      state: 'running',
      champion: { version: '1.0.0', requests: 21 },
      challenger: { version: '1.1.0', requests: 21, errors: 1, latency_ms: { p50: expect.any(Number) } },
      comparisons: [],
      differences: { disagreements: 22, disagreement_rate: 1, mean_difference: 2, max_difference: 2, dropped: 0 },
    })
    expect(found.differences!.examples).toHaveLength(10)
    const [example] = found.differences!.examples
    expect(example!.challenger).toBe(Number(example!.champion) + 2)
    expect(found.summary).toContain('1.1.0 is run on copies of 100 % of the requests; 21 so far')
    expect((await client.versions.get({ model_id, version: '1.1.0' })).status).toBe('trained')
    expect((await client.models.get({ model_id })).rollouts).toMatchObject({ production: { type: 'shadow' } })
  })

  it('becomes a canary when that is asked for, and counts anew', async () => {
    await client.models.deploy({ model_id, version: '1.1.0', strategy: { type: 'canary', percent: 100 } })
    expect(await client.models.predict({ model_id, input_data: [1] })).toMatchObject({ prediction: 4 })
    expect(await report()).toMatchObject({ type: 'canary', stage: 2, differences: null })
    expect(await client.models.rollback({ model_id })).toMatchObject({ version: '1.0.0' })
    await ask(1)
  })

  it('that fails disturbs nobody', async () => {
    await shadow('1.2.0')
    await Promise.all([1, 5, 500, 900].map(ask))
    await eventually(async () => (await report()).challenger).toMatchObject({ requests: 4, errors: 2 })
    expect((await report()).differences).toMatchObject({ rows: 2, disagreements: 0, max_difference: 0, examples: [] })
    expect((await report()).state).toBe('running')
    await client.models.rollback({ model_id, reason: 'seen enough' })
    expect((await client.versions.get({ model_id, version: '1.2.0' })).status).toBe('trained')
  })

  it('takes a share of the requests, or none', async () => {
    await shadow('1.1.0', 0)
    await ask(1)
    await shadow('1.1.0', 50)
    await Promise.all(Array.from({ length: 60 }, (_, x) => ask(x)))
    await eventually(async () => (await report()).champion.requests).toBe(60)
    await eventually(async () => (await report()).challenger.requests).toBeGreaterThan(10)
    expect((await report()).challenger.requests).toBeLessThan(50)
    await client.models.rollback({ model_id })
  })
})
