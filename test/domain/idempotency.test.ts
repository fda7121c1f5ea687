import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fail } from '../../src/core/failure.ts'
import { newId } from '../../src/core/ids.ts'
import { once } from '../../src/domain/access/idempotency.ts'
import { type Ctx, inLastTransaction, serviceCtx } from '../../src/domain/ctx.ts'
import { insertModel } from '../../src/domain/models/index.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { aDataset, toCsv } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { rowsOf } from '../helpers/tables.ts'

const rows = [{ a: 1 }, { a: 2 }]
const REFUSED = fail('invalid', 'REFUSED', 'no')

describe.each([...DATABASES])('an Idempotency-Key on the %s database', (database) => {
  let app: TestApp
  beforeAll(async () => {
    app = await startAppOn(database, { worker: false })
  })
  afterAll(() => app.stop())

  it('gets the first reply again, and the work is done once', async () => {
    const client = app.as('again')
    const input = { name: 'x', rows }
    const first = await client.datasets.create(input, { idempotencyKey: 'k1' })
    expect(await client.datasets.create(input, { idempotencyKey: 'k1' })).toEqual(first)
    expect((await client.datasets.list()).items).toHaveLength(1)
  })

  it('keeps interactions that have no id from being counted twice', async () => {
    const client = app.as('recorded')
    const record = () =>
      client.interactions.record({ interactions: [{ user_id: 'u', event: 'viewed' }] }, { idempotencyKey: 'k1' })
    expect([await record(), await record()]).toEqual([
      { recorded: 1, known: 0 },
      { recorded: 1, known: 0 },
    ])
    expect((await client.interactions.list()).items).toHaveLength(1)
  })

  it('may be used once: another body is a conflict', async () => {
    const client = app.as('other')
    await client.datasets.create({ name: 'x', rows }, { idempotencyKey: 'k1' })
    const other = client.datasets.create({ name: 'y', rows }, { idempotencyKey: 'k1' })
    expect(await refusal(other)).toMatchObject({ kind: 'conflict', code: 'IDEMPOTENCY_KEY_REUSED' })
    const elsewhere = client.models.create({ name: 'm', type: 'custom' }, { idempotencyKey: 'k1' })
    expect(await refusal(elsewhere)).toMatchObject({ kind: 'conflict', code: 'IDEMPOTENCY_KEY_REUSED' })
  })

  it('knows an uploaded file by its bytes, not by its name', async () => {
    const client = app.as('files')
    const upload = (file: string) => client.datasets.create({ file, filename: 'data.csv' }, { idempotencyKey: 'k1' })
    const first = await upload(toCsv(rows))
    expect(await upload(toCsv(rows))).toEqual(first)
    expect(await refusal(upload(toCsv([{ a: 3 }, { a: 4 }])))).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
  })

  it('lets one of many requests at once do the work; the others wait for their turn or get its reply', async () => {
    const client = app.as('race')
    const ask = () => client.datasets.create({ name: 'x', rows }, { idempotencyKey: 'k1' })
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        ask().then(
          ({ id }) => id,
          (error: { code: string }) => error.code,
        ),
      ),
    )
    const ids = new Set(answers.filter((answer) => answer.startsWith('dataset_')))
    expect(ids.size).toBe(1)
    expect(answers.filter((answer) => !ids.has(answer)).every((code) => code === 'REQUEST_IN_PROGRESS')).toBe(true)
    expect((await ask()).id).toBe([...ids][0])
    expect((await client.datasets.list()).items).toHaveLength(1)
  })

  it('is free again after a failure', async () => {
    const client = app.as('failed')
    const wrong = client.datasets.create({ name: 'x', rows, target: 'no such column' }, { idempotencyKey: 'k1' })
    expect(await refusal(wrong)).toMatchObject({ kind: 'invalid' })
    expect(await client.datasets.create({ name: 'x', rows }, { idempotencyKey: 'k1' })).toMatchObject({ rows: 2 })
  })

  it('is never found half gone: requests that fail together each say why, or that another is at work', async () => {
    const { services } = app.app
    const ctx = serviceCtx(services, 'together', new AbortController().signal, 'req_1')
    const failing = () =>
      once(ctx, { key: 'k1', operation: 'models.create', request: 1 }, () => Promise.reject(REFUSED))
    for (let round = 0; round < 30; round++) {
      const refusals = await Promise.all(Array.from({ length: 12 }, () => refusal(failing())))
      for (const { code } of refusals) expect(['REFUSED', 'REQUEST_IN_PROGRESS']).toContain(code)
    }
  })

  it('makes one model and one job of a training that is asked for twice', async () => {
    const client = app.as('train')
    const { id } = await aDataset(client)
    const request = { model_name: 'm', dataset_id: id, model_type: 'classification' } as const
    const first = await client.models.train(request, { idempotencyKey: 'k' })
    expect(await client.models.train(request, { idempotencyKey: 'k' })).toEqual(first)
    const { training_jobs, model_versions, models } = await rowsOf(app, 'train')
    expect([training_jobs, model_versions, models].map((found) => found?.length)).toEqual([1, 1, 1])
  })

  it('is ignored where nothing is made', async () => {
    const client = app.as('queries')
    expect(await client.models.list({}, { idempotencyKey: 'k' })).toEqual({ items: [], next_cursor: null })
    expect(await client.datasets.list({}, { idempotencyKey: 'k' })).toEqual({ items: [], next_cursor: null })
    expect((await rowsOf(app, 'queries')).idempotency_keys).toEqual([])
  })

  it.each(['', 'x'.repeat(256), 'tab\there'])('that is %j is refused', async (key) => {
    const reply = await app.inject({
      method: 'POST',
      url: '/api/v1/ml/models',
      headers: { 'idempotency-key': key },
      payload: { name: 'm', type: 'custom' },
    })
    expect(reply.statusCode).toBe(422)
  })

  describe('whose request was cut off', () => {
    const asked = { key: 'k1', operation: 'models.create', request: { name: 'm' } }
    const never = () => new Promise<never>(() => {})
    const as = (tenant: string) => serviceCtx(app.app.services, tenant, new AbortController().signal, 'test')
    const create = (ctx: Ctx) =>
      inLastTransaction(ctx, 'models.create', async (ctx) => {
        const { id } = await insertModel(ctx, { name: `m ${newId('model')}`, type: 'custom' })
        return { id }
      })
    const modelsOf = async (tenant: string) =>
      (await rowsOf(app, tenant)).models?.map((row) => (row as { id: string }).id)
    /** The holder has said nothing for longer than it is waited for. */
    const fallSilent = (tenant: string) =>
      app.app.services.db.system((tx) =>
        sql`update idempotency_keys set held_until = now() - interval '1 second' where tenant_id = ${tenant}`.execute(
          tx,
        ),
      )

    it('answers with what was done, though it was cut off before the reply', async () => {
      const done = Promise.withResolvers<{ id: string }>()
      void once(as('cut'), asked, async (ctx) => {
        done.resolve(await create(ctx))
        return never()
      })
      const first = await done.promise
      expect(await once(as('cut'), asked, create)).toEqual(first)
      expect(await modelsOf('cut')).toEqual([first.id])
    })

    it('does the work where nothing was done, once the first has fallen silent', async () => {
      const began = Promise.withResolvers<void>()
      void once(as('silent'), asked, () => {
        began.resolve()
        return never()
      })
      await began.promise
      expect(await refusal(once(as('silent'), asked, create))).toMatchObject({ code: 'REQUEST_IN_PROGRESS' })
      await fallSilent('silent')
      const second = await once(as('silent'), asked, create)
      expect(await modelsOf('silent')).toEqual([second.id])
    })

    it('lets the silent one commit nothing when it comes back', async () => {
      const [began, back] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const late = once(as('back'), asked, async (ctx) => {
        began.resolve()
        await back.promise
        return create(ctx)
      })
      await began.promise
      await fallSilent('back')
      const second = await once(as('back'), asked, create)
      back.resolve()
      expect(await refusal(late)).toMatchObject({ code: 'REQUEST_IN_PROGRESS' })
      expect(await modelsOf('back')).toEqual([second.id])
      expect(await once(as('back'), asked, create)).toEqual(second)
    })
  })
})
