// Where a service under test keeps its things: a folder of its own, and for the servers a database of its own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Database } from '../../src/ports/db/index.ts'
import { openDatabase } from '../../src/ports/db/open.ts'
import { type ObjectsOptions, openObjects } from '../../src/ports/objects/open.ts'
import type { S3Place } from '../servers/s3.ts'
import type { Settings } from './processes.ts'

export interface PlaceParts {
  /** PostgreSQL server on which a database is made; without it the embedded one is used. */
  readonly postgres?: string
  readonly nats?: string
  readonly redis?: string
  readonly s3?: S3Place
}

export interface Place extends AsyncDisposable {
  /** Environment of every process that is to live here. */
  readonly settings: Settings
  /** A second process's folder with everything else shared. */
  readonly sibling: (name: string) => Settings
  /** Of the embedded database only while no service has it. */
  database<T>(use: (db: Database) => Promise<T>): Promise<T>
  /** The text of an object, or undefined. */
  object(key: string): Promise<Buffer | undefined>
}

let made = 0

export async function makePlace(parts: PlaceParts = {}): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-e2e-'))
  const dataDir = join(folder, 'data')
  const modelPath = join(folder, 'artifacts')
  const url = parts.postgres && (await createDatabase(parts.postgres))
  const objects = await openObjects(parts.s3 ? s3Options(parts.s3) : { storage: 'local', path: modelPath })
  const settings: Settings = {
    DATA_DIR: dataDir,
    MODEL_PATH: modelPath,
    ...(url !== undefined && { DATABASE_URL: url }),
    ...(parts.nats !== undefined && { ENABLE_NATS: 'true', NATS_URL: parts.nats }),
    ...(parts.redis !== undefined && { REDIS_URL: parts.redis }),
    ...(parts.s3 && s3Settings(parts.s3)),
  }
  return {
    settings,
    sibling: (name) => ({ ...settings, DATA_DIR: join(folder, name) }),
    async database(use) {
      const db = await openDatabase({ url, dataDir, applicationName: 'e2e' })
      try {
        return await use(db)
      } finally {
        await db.close()
      }
    },
    async object(key) {
      if (!(await objects.stat(key))) return undefined
      const chunks: Uint8Array[] = []
      for await (const chunk of await objects.get(key)) chunks.push(chunk as Uint8Array)
      return Buffer.concat(chunks)
    },
    async [Symbol.asyncDispose]() {
      await objects.close()
      if (parts.postgres && url)
        await asAdmin(parts.postgres, `drop database ${nameOf(url)} with (force)`).catch(noMatter)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function s3Options(place: S3Place): ObjectsOptions {
  const { bucket, region, endpoint, accessKeyId, secretAccessKey } = place
  return { storage: 's3', bucket, region, endpoint, credentials: { accessKeyId, secretAccessKey } }
}

function s3Settings(place: S3Place): Settings {
  return {
    MODEL_STORAGE: 's3',
    S3_BUCKET: place.bucket,
    S3_REGION: place.region,
    S3_ENDPOINT: place.endpoint,
    AWS_ACCESS_KEY_ID: place.accessKeyId,
    AWS_SECRET_ACCESS_KEY: place.secretAccessKey,
  }
}

async function createDatabase(server: string): Promise<string> {
  const name = `e2e_${process.pid}_${++made}`
  await asAdmin(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return url.href
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1)
}

/** One statement as the server's administrator. */
async function asAdmin(server: string, text: string): Promise<void> {
  const client = new pg.Client(server)
  client.on('error', noMatter)
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

/** The server may be gone, and its databases with it. */
function noMatter(): void {}
