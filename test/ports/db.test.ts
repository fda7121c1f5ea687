// What every database must do, over both back ends.
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  asSystem,
  bumpServingRevision,
  type Database,
  endWithNext,
  isUniqueViolation,
  json,
  wake,
} from '../../src/ports/db/index.ts'
import { aDataset, addModel, aModel, BACKENDS, type Backend, startBackend } from './db-backends.ts'

describe.each(BACKENDS)('database: %s', (name) => {
  let backend: Backend
  let db: Database
  let made = 0
  const newId = () => `model_${++made}`
  const countModels = (id: string) =>
    db.system((tx) => tx.selectFrom('models').select('id').where('id', '=', id).execute()).then((rows) => rows.length)

  beforeAll(async () => {
    backend = await startBackend(name)
    db = await backend.create()
  })
  afterAll(() => backend.stop())

  it('keeps what a transaction wrote', async () => {
    const id = newId()
    await db.tenant('a', (tx) => addModel(tx, 'a', id))
    const row = await db.tenant('a', (tx) =>
      tx.selectFrom('models').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
    )
    expect(row).toMatchObject({ id, tenant_id: 'a', description: null, metadata: {} })
    expect(row.updated_at).toEqual(new Date('2024-01-01T00:00:00Z'))
  })

  it('undoes everything when the work throws', async () => {
    const id = newId()
    const work = db.tenant('a', async (tx) => {
      await addModel(tx, 'a', id)
      throw new Error('changed my mind')
    })
    await expect(work).rejects.toThrow('changed my mind')
    expect(await countModels(id)).toBe(0)
  })

  it('fails a transaction whose failed statement was ignored, instead of pretending to commit', async () => {
    const id = newId()
    const work = db.tenant('a', async (tx) => {
      await addModel(tx, 'a', id)
      await sql`select 1 / 0`.execute(tx).catch(() => {})
    })
    await expect(work).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    expect(await countModels(id)).toBe(0)
  })

  it('goes on after a statement with a syntax error', async () => {
    await expect(db.system((tx) => sql`selec`.execute(tx))).rejects.toThrow(/syntax/)
    await expect(db.system((tx) => sql`select 1`.execute(tx))).resolves.toBeDefined()
  })

  it('ends with the next statement where it is told so: what that did stands, and nothing can follow it', async () => {
    const id = newId()
    const heard: string[] = []
    const stop = db.onWake('jobs', () => heard.push('jobs'))
    const rest = db.tenant('a', async (tx) => {
      wake(tx, 'jobs')
      await addModel(tx, 'a', id)
      endWithNext(tx)
      const update = tx.updateTable('models').set({ description: 'last' }).where('id', '=', id)
      expect(await update.returning('description').execute()).toEqual([{ description: 'last' }])
      await tx.deleteFrom('models').where('id', '=', id).execute()
    })
    await expect(rest).rejects.toMatchObject({ code: 'NO_TRANSACTION' })
    const [row] = await db.system((tx) => tx.selectFrom('models').selectAll().where('id', '=', id).execute())
    expect(row?.description).toBe('last')
    await db.tenant('a', (tx) => {
      wake(tx, 'jobs')
      endWithNext(tx)
      return tx.deleteFrom('models').where('id', '=', id).execute()
    })
    expect(await countModels(id)).toBe(0)
    await expect.poll(() => heard).toContain('jobs')
    stop()
  })

  it('ends with the last of several statements that go together', async () => {
    const id = newId()
    const found = await db.tenant('a', async (tx) => {
      endWithNext(tx, 2)
      const models = tx.selectFrom('models').select('id').where('id', '=', id)
      const [, rows] = await Promise.all([addModel(tx, 'a', id), models.execute()])
      await expect(models.execute()).rejects.toMatchObject({ code: 'NO_TRANSACTION' })
      return rows
    })
    expect(found).toEqual([{ id }])
    expect(await countModels(id)).toBe(1)
    await db.tenant('a', (tx) => tx.deleteFrom('models').where('id', '=', id).execute())
  })

  it('is undone when the statement that it ends with fails', async () => {
    const id = newId()
    const work = db.tenant('a', async (tx) => {
      await addModel(tx, 'a', id)
      endWithNext(tx)
      await sql`select 1 / 0`.execute(tx)
    })
    await expect(work).rejects.toThrow(/division by zero/)
    const ignored = db.tenant('a', async (tx) => {
      await addModel(tx, 'a', id)
      endWithNext(tx)
      await sql`select 1 / 0`.execute(tx).catch(() => {})
    })
    await expect(ignored).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    expect(await countModels(id)).toBe(0)
    await db.ping()
  })

  it('refuses a transaction that is used after its end', async () => {
    const tx = await db.system(async (tx) => tx)
    expect(() => wake(tx, 'jobs')).toThrow(/still running/)
  })

  it('refuses a tenant id that could leave its quotes', async () => {
    for (const tenant of ["x'; reset role; --", '', 'a b', 'x'.repeat(65)]) {
      await expect(db.tenant(tenant, async () => {})).rejects.toMatchObject({ kind: 'invalid' })
    }
  })

  it('recognises a unique violation and its constraint', async () => {
    const id = newId()
    await db.tenant('a', (tx) => addModel(tx, 'a', id))
    const again = db.tenant('a', (tx) =>
      tx
        .insertInto('models')
        .values({ ...aModel('a', newId()), name: id })
        .execute(),
    )
    const error: unknown = await again.catch((error: unknown) => error)
    expect(isUniqueViolation(error)).toBe(true)
    expect(isUniqueViolation(error, 'models_name')).toBe(true)
    expect(isUniqueViolation(error, 'models_pkey')).toBe(false)
  })

  it('gives back numbers, dates and documents as they went in', async () => {
    const id = newId()
    const document = { list: [1, 'two', null, { three: 3 }], text: 'ä€𝄞', empty: [] }
    const columns = json([{ name: 'x' }])
    await db.tenant('a', (tx) =>
      tx
        .insertInto('datasets')
        .values({
          ...aDataset('a', id),
          rows: 2 ** 40,
          columns,
          contract: json(document),
          size_bytes: Number.MAX_SAFE_INTEGER,
        })
        .execute(),
    )
    const row = await db.tenant('a', (tx) =>
      tx.selectFrom('datasets').selectAll().where('id', '=', id).executeTakeFirstOrThrow(),
    )
    expect(row.rows).toBe(2 ** 40)
    expect(row.size_bytes).toBe(Number.MAX_SAFE_INTEGER)
    expect(row.contract).toEqual(document)
    expect(row.columns).toEqual([{ name: 'x' }])
    expect(row.created_at).toBeInstanceOf(Date)
  })

  it('stores documents with characters that jsonb refuses', async () => {
    const id = newId()
    const metadata = json({ 'a\u0000': ['b\u0000', '\ud800', '\\u0000', new Date(0)], n: Number.NaN })
    await db.tenant('a', (tx) =>
      tx
        .insertInto('models')
        .values({ ...aModel('a', id), metadata })
        .execute(),
    )
    const [row] = await db.tenant('a', (tx) =>
      tx.selectFrom('models').select('metadata').where('id', '=', id).execute(),
    )
    expect(row?.metadata).toEqual({
      'a\uFFFD': ['b\uFFFD', '\uFFFD', '\\u0000', '1970-01-01T00:00:00.000Z'],
      n: null,
    })
  })

  it('counts the rows that a statement changed', async () => {
    const id = newId()
    const counts = await db.tenant('a', async (tx) => {
      await addModel(tx, 'a', id)
      const update = tx.updateTable('models').set({ description: 'x' })
      const hit = await update.where('id', '=', id).executeTakeFirst()
      const missed = await update.where('id', '=', 'nothing').executeTakeFirst()
      return [hit.numUpdatedRows, missed.numUpdatedRows]
    })
    expect(counts).toEqual([1n, 0n])
  })

  it('runs many transactions at once, each whole', async () => {
    const counter = newId()
    await db.tenant('a', (tx) => addModel(tx, 'a', counter))
    const add = (i: number) =>
      db.tenant('a', async (tx) => {
        const { description } = await tx
          .selectFrom('models')
          .select('description')
          .where('id', '=', counter)
          .forUpdate()
          .executeTakeFirstOrThrow()
        await tx
          .updateTable('models')
          .set({ description: String(Number(description ?? 0) + 1) })
          .where('id', '=', counter)
          .execute()
        if (i % 5 === 0) throw new Error('every fifth is undone')
      })
    const results = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => add(i)))
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(40)
    const [row] = await db.tenant('a', (tx) => tx.selectFrom('models').selectAll().where('id', '=', counter).execute())
    expect(row?.description).toBe('40')
  })

  it('runs several statements of one transaction that were sent together, in order', async () => {
    const ids = Array.from({ length: 20 }, newId)
    await db.tenant('a', (tx) => Promise.all(ids.map((id) => addModel(tx, 'a', id))))
    const rows = await db.tenant('a', (tx) => tx.selectFrom('models').select('id').where('id', 'in', ids).execute())
    expect(rows).toHaveLength(20)
  })

  it('migrates again without a change', async () => {
    await db.migrate()
    await Promise.all([db.migrate(), db.migrate()])
  })

  it('answers a ping and says where it is without credentials', async () => {
    await db.ping()
    expect(db.status()).toMatchObject({ kind: name, connected: true })
    expect(db.status().url).not.toMatch(/@/)
  })

  it('wakes listeners after a commit, not after a rollback, and not on other channels', async () => {
    const heard: string[] = []
    const stops = (['jobs', 'outbox'] as const).map((channel) => db.onWake(channel, () => heard.push(channel)))
    await new Promise((resolve) => setTimeout(resolve, 200)) // the listening connection greets once when it stands
    heard.length = 0
    await db
      .system(async (tx) => {
        wake(tx, 'jobs')
        throw new Error('undone')
      })
      .catch(() => {})
    expect(heard).toEqual([])
    await db.tenant('a', async (tx) => {
      wake(tx, 'jobs')
      await sql`select 1`.execute(tx)
      expect(heard).toEqual([])
    })
    await expect.poll(() => heard).toContain('jobs')
    expect(heard).not.toContain('outbox')
    for (const stop of stops) stop()
  })

  it('raises the serving revision from a tenant, in the order of the commits', async () => {
    const before = await db.tenant('a', bumpServingRevision)
    const revisions = await Promise.all(Array.from({ length: 10 }, () => db.tenant('b', bumpServingRevision)))
    expect(revisions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 10 }, (_, i) => before + 1 + i))
    await db
      .tenant('a', (tx) => bumpServingRevision(tx).then(() => Promise.reject(new Error('undone'))))
      .catch(() => {})
    const [row] = await db.tenant('a', (tx) => tx.selectFrom('serving_revision').selectAll().execute())
    expect(row).toEqual({ id: 1, revision: before + 10 })
  })

  it('acts as the service inside a tenant’s transaction and as the tenant afterwards', async () => {
    await db.tenant('b', (tx) => addModel(tx, 'b', newId()))
    await db.tenant('a', async (tx) => {
      const tenants = () => tx.selectFrom('models').select('tenant_id').distinct().execute()
      expect(await asSystem(tx, tenants)).toContainEqual({ tenant_id: 'b' })
      expect(await tenants()).toEqual([{ tenant_id: 'a' }])
      await asSystem(tx, () => Promise.reject(new Error('x'))).catch(() => {})
      expect(await tenants()).toEqual([{ tenant_id: 'a' }])
    })
  })
})
