import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aDataset, aTable, CUSTOMER, type Trained, train } from '../helpers/builders.ts'

/** What there is to learn, and the same with most targets drawn by lot. */
const CLEAR = aTable({ rows: 200, noise: 0 })
const MUDDLED = aTable({ rows: 200, noise: 0.9, seed: 2 })

describe('promotion', () => {
  let app: TestApp
  let client: MlClient
  let clear = ''
  let muddled = ''

  beforeAll(async () => {
    app = await startApp({ config: { trainingConcurrency: 2 } })
    client = app.client
    clear = (await aDataset(client, CLEAR)).id
    muddled = (await aDataset(client, MUDDLED)).id
  })
  afterAll(() => app.stop())

  const live = async (model_id: string) => (await client.models.get({ model_id })).deployments
  const statusOf = async ({ model_id, version }: Trained) => (await client.versions.get({ model_id, version })).status
  /** Poor at first: it sees nothing but the city. */
  const poor = (model_name: string) => train(client, { model_name, dataset_id: clear, features: ['city'] })

  it('is for a version that is better on the same held-out rows', async () => {
    const first = await poor('better')
    expect(await live('better')).toEqual({ production: '1.0.0' })
    const second = await train(client, { model_name: 'better', dataset_id: clear })
    expect(second.job.message).toMatch(/^Version 1\.1\.0 is live in "production": f1 [\d.]+ against [\d.]+ of 1\.0\.0/)
    expect([await statusOf(first), await statusOf(second)]).toEqual(['archived', 'deployed'])
    expect(await live('better')).toEqual({ production: '1.1.0' })
    const { version } = await client.models.predict({ model_id: 'better', input_data: CUSTOMER })
    expect(version).toBe('1.1.0')
    const current = join(app.app.config.modelPath, 'models', second.model_id, 'CURRENT')
    await expect.poll(() => readFile(current, 'utf8')).toBe('1.1.0\n')
    const { items } = await client.models.deployments({ model_id: 'better' })
    expect(items.map(({ version, from_version, action }) => [version, from_version, action])).toEqual([
      ['1.1.0', '1.0.0', 'promote'],
      ['1.0.0', null, 'promote'],
    ])
    const compared = await client.versions.compare({ model_id: 'better', a: '1.0.0', b: '1.1.0' })
    expect(compared.metrics.find(({ name }) => name === 'f1')).toMatchObject({ better: 'b' })
  })

  it('measures the live version anew, on the rows of the new one', async () => {
    await train(client, { model_name: 'anew', dataset_id: clear })
    const before = await client.versions.get({ model_id: 'anew', version: '1.0.0' })
    const second = await train(client, { model_name: 'anew', dataset_id: muddled })
    const against = /against ([\d.]+) of 1\.0\.0/.exec(second.job.message)?.[1]
    expect(Number(against)).toBeLessThan(before.metrics.f1! - 0.05)
  })

  it('asks for more than the margin', async () => {
    await poor('margin')
    const request = { model_name: 'margin', dataset_id: clear }
    const asked = await train(client, { ...request, promotion: { min_improvement: 0.99 } })
    expect(asked.job.message).toContain('not better by more than 0.99')
    expect(await statusOf(asked)).toBe('rejected')
    expect(await live('margin')).toEqual({ production: '1.0.0' })
  })

  it('is judged with a warning on rows that the live version has learned', async () => {
    await poor('knows')
    const request = { model_name: 'knows', dataset_id: clear }
    const warningsOf = async ({ version }: Trained) =>
      (await client.versions.evaluation({ model_id: 'knows', version })).warnings.filter((text) =>
        text.includes('live'),
      )
    expect(await warningsOf(await train(client, { ...request, promotion: { min_improvement: 1 } }))).toEqual([])
    const other = await train(client, { ...request, evaluation: { seed: 7 }, promotion: { min_improvement: 1 } })
    expect(await warningsOf(other)).toEqual([expect.stringMatching(/^Version 1\.0\.0, which is live, has learned/)])
  })

  it('may demand that it is better for sure', async () => {
    await poor('sure')
    const promotion = { require_significance: 0.95 }
    const better = await train(client, { model_name: 'sure', dataset_id: clear, promotion })
    expect(better.job.message).toMatch(/is live in "production": better by 0\.\d+ \(95 % interval 0\.\d+–0\.\d+\): f1/)
    const same = await train(client, { model_name: 'sure', dataset_id: clear, promotion })
    expect(same.job.message).toContain('was not promoted: not surely better: not better (difference 0)')
    const { gate } = await client.versions.evaluation({ model_id: 'sure', version: '1.1.0' })
    expect(gate).toMatchObject({ promote: true, champion: '1.0.0', metric: 'f1', difference: { level: 0.95 } })
    expect(gate.difference!.difference).toBeCloseTo(gate.value - gate.champion_value!, 5)
  })

  it('may go by another metric', async () => {
    await poor('metric')
    const second = await train(client, { model_name: 'metric', dataset_id: clear, promotion: { metric: 'accuracy' } })
    expect(second.job.message).toContain('accuracy')
    expect((await client.versions.metadata({ model_id: 'metric', version: '1.1.0' })).metric.name).toBe('accuracy')
  })

  it('may be for another environment, which has its own first version', async () => {
    await poor('staged')
    const second = await train(client, {
      model_name: 'staged',
      dataset_id: clear,
      promotion: { environment: 'staging' },
    })
    expect(second.job.message).toBe('Version 1.1.0 is live in "staging": first version')
    expect(await live('staged')).toEqual({ production: '1.0.0', staging: '1.1.0' })
    const inStaging = { model_id: 'staged', environment: 'staging', input_data: CUSTOMER }
    expect((await client.models.predict(inStaging)).version).toBe('1.1.0')
  })

  it('can be switched off; the version waits to be deployed', async () => {
    const first = await train(client, { model_name: 'manual', dataset_id: clear, promotion: false })
    expect(first.job.message).toContain('promotion was switched off')
    expect(await statusOf(first)).toBe('trained')
    expect(await live('manual')).toEqual({})
    await client.models.deploy({ model_id: 'manual', version: '1.0.0', reason: 'looks good' })
    expect(await statusOf(first)).toBe('deployed')
  })

  it('is refused where the two cannot be compared', async () => {
    await train(client, { model_name: 'apart', dataset_id: clear })
    const other = await aDataset(
      client,
      CLEAR.map(({ city: _, ...row }) => row),
    )
    const second = await train(client, { model_name: 'apart', dataset_id: other.id })
    expect(second.job.message).toMatch(/was not promoted: cannot be compared with 1\.0\.0: .*"city"/)
    expect(await statusOf(second)).toBe('rejected')
  })

  it('keeps the rejected version for who wants it all the same', async () => {
    await train(client, { model_name: 'anyway', dataset_id: clear })
    const second = await train(client, { model_name: 'anyway', dataset_id: clear })
    expect(await statusOf(second)).toBe('rejected')
    await client.models.deploy({ model_id: 'anyway', version: '1.1.0' })
    expect(await statusOf(second)).toBe('deployed')
  })
})
