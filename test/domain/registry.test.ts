import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { storedKeys } from '../helpers/files.ts'
import { rowsOf } from '../helpers/tables.ts'

describe.each([...DATABASES])('the registry on the %s database', (database) => {
  let app: TestApp
  let client: MlClient

  beforeAll(async () => {
    app = await startAppOn(database, { worker: false })
    client = app.client
  })
  afterAll(() => app.stop())

  const answer = async (model_id: string, more: { version?: string; environment?: string } = {}) =>
    (await client.models.predict({ model_id, input_data: { x: 0 }, ...more })).prediction

  describe('a model', () => {
    it('is defined without a version', async () => {
      const model = await client.models.create({
        name: 'defined',
        type: 'classification',
        description: 'What for',
        metadata: { owner: 'team', nested: { deep: [1, null, 'ä'] } },
      })
      expect(model).toMatchObject({ name: 'defined', tenant_id: 'default', latest_version: null, deployments: {} })
      expect(model.metadata).toEqual({ owner: 'team', nested: { deep: [1, null, 'ä'] } })
      expect(await client.models.get({ model_id: 'defined' })).toEqual(model)
      expect(await client.models.get({ model_id: model.id })).toEqual(model)
    })

    it('has a name of its own', async () => {
      const again = client.models.create({ name: 'defined', type: 'custom' })
      expect(await refusal(again)).toMatchObject({ kind: 'conflict', code: 'MODEL_EXISTS' })
      await client.models.create({ name: 'second', type: 'custom' })
      const rename = client.models.update({ model_id: 'second', name: 'defined' })
      expect(await refusal(rename)).toMatchObject({ kind: 'conflict', code: 'MODEL_EXISTS' })
    })

    it.each(['', ' ', 'a b', '-a', 'ä', 'x'.repeat(129), 'a/b'])('cannot be called %j', async (name) => {
      expect((await refusal(client.models.create({ name, type: 'custom' }))).fields).toHaveProperty('name')
    })

    it('keeps what a change leaves out; null clears the description', async () => {
      await client.models.create({ name: 'changing', type: 'custom', description: 'old', metadata: { a: 1 } })
      const model_id = 'changing'
      expect(await client.models.update({ model_id, metadata: { b: 2 } })).toMatchObject({
        description: 'old',
        metadata: { b: 2 },
      })
      expect(await client.models.update({ model_id, description: null })).toMatchObject({
        description: null,
        metadata: { b: 2 },
      })
      expect((await refusal(client.models.update({ model_id, metadata: null as never }))).fields).toHaveProperty(
        'metadata',
      )
      expect((await refusal(client.models.update({ model_id, type: 'regression' } as never))).fields).toHaveProperty(
        'type',
      )
    })

    it('is not changed by a change of nothing', async () => {
      const before = await client.models.get({ model_id: 'changing' })
      expect(await client.models.update({ model_id: 'changing' })).toEqual(before)
    })

    it('is listed newest first, by type', async () => {
      const { items } = await client.models.list()
      const ids = items.map(({ id }) => id)
      expect(ids).toEqual(ids.toSorted().reverse())
      const custom = await client.models.list({ type: 'custom', limit: 1 })
      expect(custom.items.map(({ name }) => name)).toEqual(['changing'])
      const next = await client.models.list({ type: 'custom', limit: 1, cursor: custom.next_cursor! })
      expect(next).toMatchObject({ items: [{ name: 'second' }], next_cursor: null })
    })

    it('is found by its id even where another one has that id for a name', async () => {
      const { id } = await client.models.create({ name: 'real', type: 'custom' })
      const thief = await client.models.create({ name: id, type: 'custom' })
      expect((await client.models.get({ model_id: id })).name).toBe('real')
      expect((await client.models.update({ model_id: id, description: 'mine' })).name).toBe('real')
      expect((await client.models.delete({ model_id: id })).id).toBe(id)
      expect((await client.models.get({ model_id: id })).id).toBe(thief.id)
    })
  })

  describe('deploying', () => {
    beforeAll(async () => {
      for (const [version, amount] of [
        ['1.0.0', 1],
        ['1.1.0', 2],
        ['2.0.0', 3],
      ] as const)
        await anAddingModel(client, { name: 'moving', version, amount, live: false })
    })

    it('needs a version that exists, and one that is not live already', async () => {
      const model_id = 'moving'
      expect(await refusal(answer(model_id))).toMatchObject({ kind: 'conflict', code: 'MODEL_NOT_DEPLOYED' })
      const unknown = client.models.deploy({ model_id, version: '9.9.9' })
      expect(await refusal(unknown)).toMatchObject({ kind: 'not_found', code: 'VERSION_NOT_FOUND' })
      const first = await client.models.deploy({ model_id, version: '1.0.0', reason: 'the first' })
      expect(first).toMatchObject({
        environment: 'production',
        version: '1.0.0',
        from_version: null,
        action: 'deploy',
        strategy: { type: 'all' },
        actor: 'anonymous',
        reason: 'the first',
      })
      const again = client.models.deploy({ model_id, version: '1.0.0' })
      expect(await refusal(again)).toMatchObject({ kind: 'conflict', code: 'ALREADY_DEPLOYED' })
    })

    it('is seen by the next prediction', async () => {
      const model_id = 'moving'
      expect(await answer(model_id)).toBe(1)
      await client.models.deploy({ model_id, version: '1.1.0' })
      expect(await answer(model_id)).toBe(2)
      await client.models.deploy({ model_id, version: '2.0.0' })
      expect(await answer(model_id)).toBe(3)
      expect(await answer(model_id, { version: '1.0.0' })).toBe(1)
    })

    it('archives what it replaces', async () => {
      const { items } = await client.versions.list({ model_id: 'moving' })
      expect(items.map(({ version, status }) => [version, status])).toEqual([
        ['2.0.0', 'deployed'],
        ['1.1.0', 'archived'],
        ['1.0.0', 'archived'],
      ])
    })

    it('is undone step by step, however often', async () => {
      const model_id = 'moving'
      const back = await client.models.rollback({ model_id, reason: 'too slow' })
      expect(back).toMatchObject({ version: '1.1.0', from_version: '2.0.0', action: 'rollback', reason: 'too slow' })
      expect(await answer(model_id)).toBe(2)
      expect(await client.models.rollback({ model_id })).toMatchObject({ version: '1.0.0', from_version: '1.1.0' })
      expect(await answer(model_id)).toBe(1)
      expect(await refusal(client.models.rollback({ model_id }))).toMatchObject({ code: 'NO_EARLIER_VERSION' })
    })

    it('keeps its history, newest first, page by page', async () => {
      const model_id = 'moving'
      const all = (await client.models.deployments({ model_id })).items
      expect(all.map(({ action, version }) => `${action} ${version}`)).toEqual([
        'rollback 1.0.0',
        'rollback 1.1.0',
        'deploy 2.0.0',
        'deploy 1.1.0',
        'deploy 1.0.0',
      ])
      const first = await client.models.deployments({ model_id, limit: 3 })
      const rest = await client.models.deployments({ model_id, limit: 3, cursor: first.next_cursor! })
      expect([...first.items, ...rest.items]).toEqual(all)
      expect(rest.next_cursor).toBeNull()
      const models = await client.models.list({ limit: 1 })
      const foreign = client.models.deployments({ model_id, cursor: models.next_cursor! })
      expect((await refusal(foreign)).fields).toHaveProperty('cursor')
    })

    it('to one environment leaves the others alone', async () => {
      const model_id = 'moving'
      await client.models.deploy({ model_id, version: '2.0.0', environment: 'staging' })
      expect([await answer(model_id), await answer(model_id, { environment: 'staging' })]).toEqual([1, 3])
      expect((await client.models.get({ model_id })).deployments).toEqual({ production: '1.0.0', staging: '2.0.0' })
      const nowhere = answer(model_id, { environment: 'nowhere' })
      expect(await refusal(nowhere)).toMatchObject({
        code: 'MODEL_NOT_DEPLOYED',
        message: expect.stringContaining('"nowhere"'),
      })
      expect(await refusal(client.models.rollback({ model_id, environment: 'nowhere' }))).toMatchObject({
        code: 'NOT_DEPLOYED',
      })
      // The same version in two places is archived only when it has left both.
      await client.models.deploy({ model_id, version: '1.0.0', environment: 'staging' })
      await client.models.deploy({ model_id, version: '1.1.0' })
      expect((await client.versions.get({ model_id, version: '1.0.0' })).status).toBe('deployed')
    })

    it('writes CURRENT for production', async () => {
      const { id } = await client.models.get({ model_id: 'moving' })
      const current = join(app.app.config.modelPath, 'models', id, 'CURRENT')
      await expect.poll(() => readFile(current, 'utf8'), { timeout: 10_000 }).toBe('1.1.0\n')
    })

    it('from many sides at once ends with one history', async () => {
      const model_id = 'moving'
      const results = await Promise.allSettled(
        ['1.0.0', '2.0.0', '1.0.0', '2.0.0', '1.1.0'].map((version) => client.models.deploy({ model_id, version })),
      )
      expect(results.some(({ status }) => status === 'fulfilled')).toBe(true)
      const { items } = await client.models.deployments({ model_id, limit: 50 })
      const production = items.filter(({ environment }) => environment === 'production').reverse()
      for (const [i, one] of production.entries()) expect(one.from_version).toBe(production[i - 1]?.version ?? null)
      expect((await client.models.get({ model_id })).deployments.production).toBe(production.at(-1)?.version)
    })
  })

  it('answers under a new name at once, and no longer under the old one', async () => {
    await anAddingModel(client, { name: 'before', amount: 5 })
    const { id } = await client.models.update({ model_id: 'before', name: 'after' })
    expect([await answer('after'), await answer(id)]).toEqual([5, 5])
    expect(await refusal(answer('before'))).toMatchObject({ kind: 'not_found' })
    expect(await refusal(answer('before', { version: '1.0.0' }))).toMatchObject({ kind: 'not_found' })
    await anAddingModel(client, { name: 'before', amount: 6 })
    expect([await answer('before'), await answer('after')]).toEqual([6, 5])
  })

  describe('deleting a model', () => {
    it('is refused while it is live, unless forced, and takes everything of it', async () => {
      const { model_id } = await anAddingModel(client, { name: 'doomed' })
      const { prediction_id } = await client.models.predict({ model_id, input_data: [1] })
      await client.predictions.feedback({ prediction_id, actual: 2 })
      const refused = await refusal(client.models.delete({ model_id }))
      expect(refused).toMatchObject({
        kind: 'conflict',
        code: 'MODEL_DEPLOYED',
        message: expect.stringContaining('force=true'),
      })
      expect(await client.models.delete({ model_id: 'doomed', force: true })).toEqual({ id: model_id })
      for (const request of [
        () => client.models.get({ model_id }),
        () => answer('doomed'),
        () => answer(model_id, { version: '1.0.0' }),
        () => client.models.deployments({ model_id }),
        () => client.predictions.feedback({ prediction_id, actual: 2 }),
      ])
        expect(await refusal(request())).toMatchObject({ kind: 'not_found' })
      const { model_versions, deployments, live_versions } = await rowsOf(app, 'default')
      expect(JSON.stringify([model_versions, deployments, live_versions])).not.toContain(model_id)
      expect((await storedKeys(app)).filter((key) => key.includes(model_id))).toEqual([])
    })

    it('leaves its name to others', async () => {
      await anAddingModel(client, { name: 'reused', amount: 1 })
      await client.models.delete({ model_id: 'reused', force: true })
      await anAddingModel(client, { name: 'reused', amount: 2 })
      expect(await answer('reused')).toBe(2)
      expect(await answer('reused', { version: '1.0.0' })).toBe(2)
    })
  })

  it('lists versions highest first, page by page', async () => {
    for (const version of ['1.10.0', '1.9.0', '1.2.0'])
      await anAddingModel(client, { name: 'many', version, live: false })
    const first = await client.versions.list({ model_id: 'many', limit: 2 })
    expect(first.items.map(({ version }) => version)).toEqual(['1.10.0', '1.9.0'])
    const rest = await client.versions.list({ model_id: 'many', limit: 2, cursor: first.next_cursor! })
    expect(rest).toMatchObject({ items: [{ version: '1.2.0' }], next_cursor: null })
    expect((await client.models.get({ model_id: 'many' })).latest_version).toBe('1.10.0')
    const models = await client.models.list({ limit: 1 })
    const foreign = client.versions.list({ model_id: 'many', cursor: models.next_cursor! })
    expect((await refusal(foreign)).fields).toHaveProperty('cursor')
  })

  it.each(['/api/v1/ml/models/%00', '/api/v1/ml/training-jobs/a%00b', '/api/v1/ml/datasets/%00'])(
    'takes a NUL in an id for the mistake that it is (%s)',
    async (url) => {
      const { statusCode } = await app.inject({ method: 'GET', url })
      expect([404, 422]).toContain(statusCode)
    },
  )
})
