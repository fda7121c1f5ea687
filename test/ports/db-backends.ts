// The two databases every suite about the database runs over.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { queuePreparation } from '../../src/jobs/preparation.ts'
import { type Database, json, type NewRow, type Tx } from '../../src/ports/db/index.ts'
import { openDatabase } from '../../src/ports/db/open.ts'
import { type PostgresOptions, startPostgres } from '../servers/postgres.ts'
import type { TestServer } from '../servers/server.ts'

export const BACKENDS = ['embedded', 'postgres'] as const
export type BackendName = (typeof BACKENDS)[number]

export interface Place {
  readonly url: string | undefined
  readonly dataDir: string
}

export interface Backend {
  readonly name: BackendName
  /** Undefined for the embedded database. */
  readonly server: TestServer | undefined
  /** Room for a new database. */
  place(): Promise<Place>
  open(place: Place): Promise<Database>
  /** Opens a new, migrated database. */
  create(): Promise<Database>
  stop(): Promise<void>
}

/** @param options what the server of the test gets: see `startPostgres`. */
export async function startBackend(name: BackendName, options: PostgresOptions = {}): Promise<Backend> {
  const server = name === 'postgres' ? await startPostgres(options) : undefined
  const dir = await mkdtemp(join(tmpdir(), 'modelyard-db-'))
  const opened: Database[] = []
  let made = 0
  const backend: Backend = {
    name,
    server,
    async place() {
      made++
      const url = server && (await createDatabase(server, `test_${made}`))
      return { url, dataDir: join(dir, String(made)) }
    },
    async open(place) {
      const db = await openDatabase({ ...place, applicationName: 'test', preparation: queuePreparation })
      opened.push(db)
      return db
    },
    async create() {
      const db = await backend.open(await backend.place())
      await db.migrate()
      return db
    },
    async stop() {
      await Promise.all(opened.map((db) => db.close().catch(() => {}))) // a test may have closed it
      await server?.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
  return backend
}

/** Makes a database and returns its URL; `owner` is the superuser unless named. */
export async function createDatabase(server: TestServer, name: string, owner?: string): Promise<string> {
  await asAdmin(server, `create database ${name} ${owner === undefined ? '' : `owner ${owner}`}`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  return url.href
}

export async function asAdmin(server: TestServer, text: string): Promise<void> {
  const client = new pg.Client(server.url)
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

export function aModel(tenantId: string, id: string): NewRow<'models'> {
  return { id, tenant_id: tenantId, name: id, type: 'custom', metadata: json({}), updated_at: '2024-01-01T00:00:00Z' }
}

export async function addModel(tx: Tx, tenantId: string, id: string): Promise<void> {
  await tx.insertInto('models').values(aModel(tenantId, id)).execute()
}

export function aDataset(tenantId: string, id: string): NewRow<'datasets'> {
  return {
    id,
    tenant_id: tenantId,
    name: id,
    rows: 1,
    columns: json([]),
    contract: json({}),
    format: 'csv',
    sha256: '',
    size_bytes: 1,
    object_key: '',
    reading: json({}),
  }
}
