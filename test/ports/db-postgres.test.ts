// What only a PostgreSQL server can do to us: be away, die, fall silent, withhold rights, be shared by several replicas.
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Database, wake } from '../../src/ports/db/index.ts'
import { migrations } from '../../src/ports/db/migrations/index.ts'
import { type DatabaseOptions, openDatabase } from '../../src/ports/db/open.ts'
import { startPostgres } from '../servers/postgres.ts'
import type { TestServer } from '../servers/server.ts'
import { addModel, asAdmin, createDatabase } from './db-backends.ts'

let server: TestServer
let dataDir: string
let made = 0
const opened: Database[] = []

beforeAll(async () => {
  server = await startPostgres({ durable: true })
  dataDir = await mkdtemp(join(tmpdir(), 'modelyard-'))
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()))
})
afterAll(async () => {
  await server.stop()
  await rm(dataDir, { recursive: true, force: true })
})

async function open(url: string, options: Partial<DatabaseOptions> = {}): Promise<Database> {
  const db = await openDatabase({ url, dataDir, applicationName: 'test', ...options })
  opened.push(db)
  return db
}
const newDatabase = (owner?: string) => createDatabase(server, `db_${++made}`, owner)
const countModels = (db: Database) =>
  db.tenant('a', (tx) => tx.selectFrom('models').select('id').execute()).then((rows) => rows.length)

function as(url: string, user: string): string {
  const parsed = new URL(url)
  parsed.username = user
  parsed.password = 'secret'
  return parsed.href
}

describe('a server that is away', () => {
  it('does not hold up opening, is reported, and everything works when it comes back', async () => {
    const url = await newDatabase()
    await server.kill()
    const db = await open(url)
    const failure = await db.ping().catch((error: unknown) => error)
    expect(failure).toMatchObject({ kind: 'unavailable', code: 'DATABASE_UNAVAILABLE', retryAfterSeconds: 1 })
    await expect(db.migrate()).rejects.toMatchObject({ kind: 'unavailable' })
    await expect(db.tenant('a', (tx) => addModel(tx, 'a', 'x'))).rejects.toMatchObject({ kind: 'unavailable' })
    expect(db.status().connected).toBe(false)
    await server.restart()
    await db.migrate()
    await db.tenant('a', (tx) => addModel(tx, 'a', 'x'))
    expect(await countModels(db)).toBe(1)
    expect(db.status().connected).toBe(true)
  })

  it('fails what waits for a connection that ends with the first words of the server, and nothing else', async () => {
    const authenticated = '520000000800000000'
    const ready = '5a0000000549'
    const words = Buffer.from('SFATAL\0C57P01\0Mterminating connection\0\0')
    const ending = Buffer.from([0x45, 0, 0, 0, words.length + 4, ...words])
    const fake = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(Buffer.concat([Buffer.from(authenticated + ready, 'hex'), ending])))
    })
    await once(fake.listen(0, '127.0.0.1'), 'listening')
    const db = await open(`postgres://u@127.0.0.1:${(fake.address() as AddressInfo).port}/db`)
    const away = { kind: 'unavailable', code: 'DATABASE_UNAVAILABLE' }
    await expect(db.ping()).rejects.toMatchObject(away)
    await expect(db.tenant('a', (tx) => addModel(tx, 'a', 'x'))).rejects.toMatchObject(away)
    await expect(db.migrate()).rejects.toMatchObject(away)
    fake.close()
  })

  it('fails running transactions as unavailable when it dies, and loses nothing it had acknowledged', async () => {
    const db = await open(await newDatabase())
    await db.migrate()
    const acknowledged: string[] = []
    const failures: unknown[] = []
    let stopped = false
    const writers = Array.from({ length: 5 }, async (_, writer) => {
      for (let i = 0; !stopped; i++) {
        const id = `${writer}-${i}`
        await db
          .tenant('a', (tx) => addModel(tx, 'a', id))
          .then(
            () => acknowledged.push(id),
            (error: unknown) => failures.push(error),
          )
      }
    })
    await expect.poll(() => acknowledged.length).toBeGreaterThan(50)
    await server.kill()
    await expect.poll(() => failures.length).toBeGreaterThan(5)
    await server.restart()
    const before = acknowledged.length
    await expect.poll(() => acknowledged.length).toBeGreaterThan(before + 20)
    stopped = true
    await Promise.all(writers)
    for (const failure of failures) expect(failure).toMatchObject({ kind: 'unavailable' })
    const rows = await db.tenant('a', (tx) => tx.selectFrom('models').select('id').execute())
    const found = new Set(rows.map(({ id }) => id))
    expect(acknowledged.filter((id) => !found.has(id))).toEqual([])
  })

  it('survives losing its idle connections', async () => {
    const db = await open(await newDatabase())
    await db.migrate()
    await server.restart()
    await db.ping().catch(() => {}) // the first contact may still meet the old connection
    await db.ping()
  })

  it('is given up on when it takes connections but does not answer', async () => {
    const url = await newDatabase()
    const db = await open(url)
    server.freeze()
    try {
      await expect(db.ping()).rejects.toMatchObject({ kind: 'unavailable', code: 'DATABASE_UNAVAILABLE' })
    } finally {
      server.thaw()
    }
    await db.ping()
  })

  it('is given up on when a statement does not end', async () => {
    const db = await open(await newDatabase(), { transactionTimeoutMs: 500, maxConnections: 1 })
    await expect(db.system((tx) => sql`select pg_sleep(600)`.execute(tx))).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'DATABASE_TIMEOUT',
    })
    await db.ping()
  })

  it('wakes listeners of other replicas, also after a restart', async () => {
    const url = await newDatabase()
    const [here, there] = [await open(url), await open(url)]
    await here.migrate()
    let heard = 0
    there.onWake('jobs', () => heard++)
    const wakeUp = () => here.tenant('a', async (tx) => wake(tx, 'jobs'))
    await expect.poll(() => heard, { timeout: 10_000 }).toBe(1) // the greeting of the listening connection
    await wakeUp()
    await expect.poll(() => heard).toBe(2)
    await server.restart()
    await expect.poll(() => heard, { timeout: 20_000 }).toBe(3) // greets again, for what was missed
    await wakeUp()
    await expect.poll(() => heard).toBe(4)
  })
})

describe('a commit', () => {
  it('wakes the listeners of its own process once', async () => {
    const url = await newDatabase()
    const [here, there] = [await open(url), await open(url)]
    await here.migrate()
    let heard = 0
    here.onWake('jobs', () => heard++)
    await expect.poll(() => heard, { timeout: 10_000 }).toBe(1) // the greeting of the listening connection
    const wakeUp = (db: Database) => db.tenant('a', async (tx) => wake(tx, 'jobs'))
    for (let i = 0; i < 5; i++) await wakeUp(here)
    // Heard in the order of the commits: nothing of those before is still on its way then.
    await wakeUp(there)
    await expect.poll(() => heard).toBeGreaterThanOrEqual(7)
    expect(heard).toBe(7)
  })
})

describe('conflicts', () => {
  it('reports a deadlock as busy, and only to one side', async () => {
    const db = await open(await newDatabase())
    await db.migrate()
    await db.tenant('a', (tx) => Promise.all(['x', 'y'].map((id) => addModel(tx, 'a', id))))
    let waiting = 0
    const both = Promise.withResolvers<void>()
    const crossed = (first: string, second: string) =>
      db.tenant('a', async (tx) => {
        await tx.updateTable('models').set({ description: first }).where('id', '=', first).execute()
        if (++waiting === 2) both.resolve()
        await both.promise
        await tx.updateTable('models').set({ description: first }).where('id', '=', second).execute()
      })
    const results = await Promise.allSettled([crossed('x', 'y'), crossed('y', 'x')])
    const failed = results.filter((result) => result.status === 'rejected')
    expect(failed).toHaveLength(1)
    expect(failed[0]?.reason).toMatchObject({ kind: 'unavailable', code: 'DATABASE_BUSY' })
  })
})

describe('migrations', () => {
  it('are run once when several replicas start together', async () => {
    const url = await newDatabase()
    const replicas = await Promise.all(Array.from({ length: 5 }, () => open(url)))
    await Promise.all(replicas.map((db) => db.migrate()))
    const { rows } = await replicas[0]!.system((tx) =>
      sql<{ name: string }>`select name from schema_migrations order by name`.execute(tx),
    )
    expect(rows.map(({ name }) => name)).toEqual(Object.keys(migrations))
  })

  it('of several databases of one server may run together, though the role belongs to the server', async () => {
    const urls = [await newDatabase(), await newDatabase(), await newDatabase()]
    const databases = await Promise.all(urls.map((url) => open(url)))
    await Promise.all(databases.map((db) => db.migrate()))
  })

  it('leave nothing behind when they fail, and say which rights are missing', async () => {
    await asAdmin(server, `create role weak login password 'secret'`)
    const url = as(await newDatabase('weak'), 'weak')
    const db = await open(url)
    await expect(db.migrate()).rejects.toMatchObject({
      code: 'DATABASE_PRIVILEGE',
      message: expect.stringContaining('GRANT modelyard_tenant TO weak;'),
    })
    const { rows } = await db.system((tx) => sql`select * from pg_tables where tablename = 'models'`.execute(tx))
    expect(rows).toEqual([])
    // What the sentence asked for is enough.
    await asAdmin(server, 'grant modelyard_tenant to weak')
    await db.migrate()
    await db.tenant('a', (tx) => addModel(tx, 'a', 'x'))
  })

  it('and row-level security work for an owner who is no superuser', async () => {
    await asAdmin(server, `create role builder login createrole password 'secret'`)
    const db = await open(as(await newDatabase('builder'), 'builder'))
    await db.migrate()
    await db.tenant('a', (tx) => addModel(tx, 'a', 'x'))
    await db.tenant('b', (tx) => addModel(tx, 'b', 'y'))
    expect(await countModels(db)).toBe(1)
    expect(await db.system((tx) => tx.selectFrom('models').select('id').execute())).toHaveLength(2)
  })
})

it('never shows the password', async () => {
  const db = await open('postgres://me:secret@localhost:5432/name?password=secret')
  expect(db.status().url).toBe('postgres://localhost:5432/name')
})
