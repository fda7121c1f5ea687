// Canaries: who gets which version, what is written down, and how they end. The models answer x + 1 and x + 2, so that an
// answer tells which of them gave it.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { addModel, pickyModel } from '../runtime-models.ts'

const NAME = 'adder'

const eventually = (work: () => Promise<unknown> | unknown) => expect.poll(work, { timeout: 15_000, interval: 50 })

describe.each(DATABASES)('a canary (%s)', (database) => {
  let app: TestApp
  let client: MlClient
  let model_id = ''
  beforeAll(async () => {
    app = await startAppOn(database, { worker: false })
    client = app.client
    ;({ model_id } = await anAddingModel(client, { name: NAME, amount: 1, version: '1.0.0' }))
    for (const [version, file] of [
      ['1.1.0', addModel(2)],
      ['1.2.0', addModel(3)],
      ['1.3.0', pickyModel(2)],
    ] as const)
      await client.versions.import({ model_id, file, version, trusted: true })
  })
  afterAll(() => app.stop())
  afterEach(async () => {
    const { rollouts, deployments } = await client.models.get({ model_id })
    if (rollouts?.production) await client.models.rollback({ model_id })
    if (deployments.production !== '1.0.0') await client.models.deploy({ model_id, version: '1.0.0' })
  })

  const canary = (percent: number, more: Partial<Strategy> = {}, version = '1.1.0') =>
    client.models.deploy({ model_id, version, strategy: { type: 'canary', percent, ...more } })
  type Strategy = NonNullable<Parameters<MlClient['models']['deploy']>[0]['strategy']>

  /** How many of the keys 0 … count − 1 are answered by the challenger. */
  async function movedKeys(count = 200): Promise<number[]> {
    const answers = await Promise.all(
      Array.from({ length: count }, (_, x) => client.models.predict({ model_id, input_data: { x } })),
    )
    return answers.flatMap(({ prediction, version }, x) => {
      expect(prediction).toBe(x + (version === '1.1.0' ? 2 : 1))
      return version === '1.1.0' ? [x] : []
    })
  }

  const report = () => client.rollouts.get({ model_id, environment: 'production' })

  it('answers its share, keeps a key on its version, and only takes keys when it is raised', async () => {
    const begun = await canary(10, { sticky_by: 'x' })
    expect(begun).toMatchObject({
      version: '1.1.0',
      from_version: '1.0.0',
      action: 'deploy',
      strategy: { type: 'canary', percent: 10, sticky_by: 'x', bake_seconds: 600, auto_promote: false },
    })
    const few = await movedKeys()
    expect(await movedKeys()).toEqual(few)
    await canary(50)
    const more = await movedKeys()
    expect(more).toEqual(expect.arrayContaining(few))
    expect(few.length).toBeLessThan(more.length)
    expect(more.length).toBeLessThan(200)
    await canary(100)
    expect(await movedKeys()).toHaveLength(200)
    const model = await client.models.get({ model_id })
    expect(model).toMatchObject({
      deployments: { production: '1.0.0' },
      rollouts: { production: { version: '1.1.0', type: 'canary', percent: 100 } },
    })
    expect((await client.versions.get({ model_id, version: '1.1.0' })).status).toBe('deployed')
    await client.models.deploy({ model_id, version: '1.1.0', reason: 'good' })
    expect(await client.models.get({ model_id })).not.toHaveProperty('rollouts')
    expect(await report()).toMatchObject({ state: 'promoted', outcome: 'good', stage: 3 })
    expect((await client.versions.get({ model_id, version: '1.0.0' })).status).toBe('archived')
    const { items } = await client.models.deployments({ model_id })
    expect(items.map(({ strategy }) => strategy.percent ?? strategy.type)).toEqual(['all', 100, 50, 10, 'all'])
    // The way back leads to the version before, not to a stage of the roll-out.
    expect(await client.models.rollback({ model_id })).toMatchObject({ version: '1.0.0', from_version: '1.1.0' })
  })

  it('is ended by a rollback at once, which leaves the live version as it is', async () => {
    await canary(100)
    expect(await movedKeys(5)).toHaveLength(5)
    const back = await client.models.rollback({ model_id, reason: 'Mondays' })
    expect(back).toMatchObject({
      action: 'rollback',
      version: '1.0.0',
      from_version: '1.1.0',
      reason: 'Mondays',
      strategy: { type: 'canary', percent: 0 },
    })
    expect(await movedKeys(5)).toEqual([])
    expect(await report()).toMatchObject({ state: 'rolled_back', outcome: 'Mondays' })
    expect((await client.versions.get({ model_id, version: '1.1.0' })).status).toBe('archived')
  })

  it('follows the header where no column is named, and a request that names a version follows nothing', async () => {
    await canary(50)
    const versionFor = async (key: string) => {
      const reply = await app.inject({
        method: 'POST',
        url: `/api/v1/ml/models/${NAME}/predict`,
        headers: { 'x-sticky-key': key },
        payload: { input_data: [1] },
      })
      return reply.json<{ data: { version: string } }>().data.version
    }
    const keys = Array.from({ length: 40 }, (_, i) => `user ${i}`)
    const first = await Promise.all(keys.map(versionFor))
    expect(await Promise.all(keys.map(versionFor))).toEqual(first)
    expect(new Set(first).size).toBe(2)
    for (const version of ['1.0.0', '1.1.0']) {
      for (let i = 0; i < 5; i++) {
        const answer = await client.models.predict({ model_id, version, input_data: [1] })
        expect(answer.version).toBe(version)
      }
    }
  })

  it('answers a batch as a whole, in every form of a prediction', async () => {
    await canary(50)
    const seen = new Set<string>()
    for (let i = 0; i < 30; i++) {
      const rows = [[0], [1], [2]]
      const batch = await client.models.predict_batch({ model_id, input_data: rows })
      const add = batch.version === '1.1.0' ? 2 : 1
      expect(batch.predictions.map(({ prediction }) => prediction)).toEqual([add, 1 + add, 2 + add])
      const inferred = await client.inference({ model_id, features: rows })
      expect(inferred.results.map(({ prediction }) => prediction)).toContain(inferred.version === '1.1.0' ? 2 : 1)
      const simple = await client.predict_model({ model_id, input_data: [0] })
      for (const one of [batch.version, inferred.version, `simple ${simple.prediction}`]) seen.add(one)
    }
    expect([...seen].sort()).toEqual(['1.0.0', '1.1.0', 'simple 1', 'simple 2'])
  })

  it('is refused where it makes no sense', async () => {
    const ask = (version: string, strategy: Strategy) => refusal(client.models.deploy({ model_id, version, strategy }))
    expect(await ask('1.0.0', { type: 'canary' })).toMatchObject({ code: 'ALREADY_DEPLOYED' })
    expect((await ask('1.1.0', { type: 'canary', sticky_by: 'user_id' })).fields).toEqual({
      'strategy.sticky_by': expect.stringContaining('X-Sticky-Key'),
    })
    expect((await ask('1.1.0', { type: 'canary', limits: { min_quality: 0.9 } })).fields).toHaveProperty([
      'strategy.limits.min_quality',
    ])
    expect((await ask('1.1.0', { type: 'shadow', auto_promote: true })).fields).toHaveProperty([
      'strategy.auto_promote',
    ])
    expect((await ask('1.1.0', { type: 'canary', percent: 101 })).fields).toHaveProperty(['strategy.percent'])
    const share = await ask('1.1.0', { type: 'all', percent: 10, bake_seconds: 60, limits: { max_error_rate: 0.1 } })
    expect(Object.keys(share.fields).sort()).toEqual(['strategy.bake_seconds', 'strategy.limits', 'strategy.percent'])
    expect((await client.models.get({ model_id })).deployments).toEqual({ production: '1.0.0' })
    const elsewhere = client.models.deploy({
      model_id,
      version: '1.1.0',
      environment: 'staging',
      strategy: { type: 'canary' },
    })
    expect(await refusal(elsewhere)).toMatchObject({ code: 'NOT_DEPLOYED' })
    await canary(1)
    expect(await ask('1.2.0', { type: 'canary' })).toMatchObject({ kind: 'conflict', code: 'ROLLOUT_RUNNING' })
    await client.models.deploy({ model_id, version: '1.2.0', reason: 'urgent' })
    expect(await report()).toMatchObject({
      state: 'superseded',
      outcome: '1.2.0 went live instead: urgent',
    })
    const never = client.rollouts.get({ model_id, environment: 'staging' })
    expect(await refusal(never)).toMatchObject({ kind: 'not_found', code: 'ROLLOUT_NOT_FOUND' })
  })

  it('that does not load never gets traffic, is rolled back, and says why', async () => {
    const { artifact_url } = await client.versions.get({ model_id, version: '1.2.0' })
    await app.app.services.objects.delete([artifact_url!])
    await canary(100, {}, '1.2.0')
    expect(await movedKeys(20)).toEqual([])
    await eventually(async () => (await report()).state).toBe('rolled_back')
    expect((await report()).outcome).toContain('1.2.0 does not load')
    expect(await movedKeys(5)).toEqual([])
  })

  it('whose file is damaged waits for it without traffic, and says so', async () => {
    const { artifact_url } = await client.versions.get({ model_id, version: '1.1.0' })
    const { objects } = app.app.services
    const whole: Uint8Array[] = []
    for await (const chunk of await objects.get(artifact_url!)) whole.push(chunk as Uint8Array)
    await objects.put(artifact_url!, Buffer.from('half'))
    await canary(100)
    expect(await movedKeys(20)).toEqual([])
    await eventually(async () => (await report()).replicas[0]?.error).toContain('not the one registered')
    expect(await report()).toMatchObject({ state: 'running', ready_at: null })
    await objects.put(artifact_url!, Buffer.concat(whole))
    await eventually(() => movedKeys(3)).toHaveLength(3)
    await eventually(async () => (await report()).ready_at).not.toBeNull()
  })

  it('is counted, one version beside the other', async () => {
    await canary(50, { bake_seconds: 0 })
    await movedKeys(200)
    await eventually(async () => {
      const { champion, challenger } = await report()
      return champion.requests + challenger.requests
    }).toBe(200)
    const found = await report()
    expect(found.champion).toMatchObject({ version: '1.0.0', errors: 0, error_rate: 0, quality: null })
    expect(found.challenger.requests).toBeGreaterThan(50)
    expect(found.challenger.latency_ms!.p50).toBeGreaterThan(0)
    expect(found.comparisons.map(({ subject }) => subject)).toEqual(['errors', 'latency'])
    expect(found.comparisons[0]).toMatchObject({ significant: false, p_value: 1 })
    expect(found.summary).toContain('1.1.0 answers 50 % of the requests')
    expect(found.replicas).toMatchObject([{ ready: true }])
  })

  it('is measured against outcomes, by the version that answered', async () => {
    await canary(50, { bake_seconds: 0 })
    const ask = async (x: number) => {
      const { prediction_id, version } = await client.models.predict({ model_id, input_data: [x] })
      // The truth is x + 1, with some noise that both have.
      await client.predictions.feedback({ prediction_id, actual: x + 1 + ((x % 5) - 2) / 10 })
      return version
    }
    const versions = await Promise.all(Array.from({ length: 120 }, (_, x) => ask(x)))
    const { champion, challenger, comparisons, summary } = await report()
    const count = (version: string) => versions.filter((v) => v === version).length
    expect(champion.quality).toMatchObject({ metric: 'mean_absolute_error', outcomes: count('1.0.0') })
    expect(challenger.quality).toMatchObject({ outcomes: count('1.1.0') })
    expect(champion.quality!.value).toBeLessThan(0.2)
    expect(challenger.quality!.value).toBeGreaterThan(0.8)
    expect(comparisons.find(({ subject }) => subject === 'quality')).toMatchObject({
      method: 'Welch’s t-test',
      significant: true,
      sentence: expect.stringContaining('1.1.0 is off by'),
    })
    expect(summary).toContain('not by chance')
  })

  it('that fails is rolled back by itself, once, with the figures as the reason', async () => {
    await canary(50, { limits: { min_requests: 10 } }, '1.3.0')
    const ask = (x: number) => client.models.predict({ model_id, input_data: [x] }).catch(() => undefined)
    await eventually(async () => {
      await Promise.all(Array.from({ length: 20 }, (_, x) => ask(x)))
      return (await report()).state
    }).toBe('rolled_back')
    const { outcome, challenger } = await report()
    expect(outcome).toMatch(/^automatic: .* of \d+ requests failed, more than 5 %; beside it 0 %$/)
    expect(challenger.errors).toBeGreaterThan(0)
    const { items } = await client.models.deployments({ model_id })
    expect(items[0]).toMatchObject({ action: 'rollback', actor: app.app.config.serviceName, reason: outcome })
    expect(items[1]).toMatchObject({ action: 'deploy', version: '1.3.0' })
    expect(await movedKeys(20)).toEqual([])
    const sent = await app.app.services.db.system((tx) =>
      tx.selectFrom('outbox').select('event').orderBy('seq').execute(),
    )
    const last = sent.map(({ event }) => event).findLast(({ type }) => type === 'ml.model.rolled_back')
    expect(last?.data).toMatchObject({
      model_id,
      version: '1.0.0',
      from_version: '1.3.0',
      automatic: true,
      reason: outcome,
    })
  })

  it('that has baked is made live by itself where that was asked for', async () => {
    await canary(100, { bake_seconds: 1, auto_promote: true, limits: { min_requests: 5 } })
    await movedKeys(4)
    await eventually(async () => (await report()).challenger.requests).toBe(4)
    expect(await report()).toMatchObject({ state: 'running', baked_at: null })
    await movedKeys(4)
    await eventually(async () => (await client.models.get({ model_id })).deployments.production).toBe('1.1.0')
    expect(await report()).toMatchObject({
      state: 'promoted',
      outcome: 'automatic: 8 requests in 1 s broke no limit',
    })
  })

  it('that has baked goes on as it is otherwise', async () => {
    await canary(100, { bake_seconds: 1, limits: { min_requests: 5 } })
    await movedKeys(10)
    await eventually(async () => (await report()).baked_at).not.toBeNull()
    expect(await report()).toMatchObject({ state: 'running' })
    await canary(50)
    expect(await report()).toMatchObject({ baked_at: null, stage: 2 })
  })

  it('belongs to its tenant and its environment', async () => {
    await anAddingModel(app.as('acme'), { name: NAME, amount: 10, version: '1.0.0' })
    await client.models.deploy({ model_id, version: '1.0.0', environment: 'staging' })
    await canary(100)
    expect(await movedKeys(3)).toHaveLength(3)
    const staging = await client.models.predict({ model_id, input_data: [0], environment: 'staging' })
    expect(staging).toMatchObject({ prediction: 1, version: '1.0.0' })
    const other = await app.as('acme').models.predict({ model_id: NAME, input_data: [0] })
    expect(other).toMatchObject({ prediction: 10, version: '1.0.0' })
    const foreign = app.as('acme').rollouts.get({ model_id, environment: 'production' })
    expect(await refusal(foreign)).toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })
})
