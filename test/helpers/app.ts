// A whole service for a test, over real back ends: `await using app = await startApp()`. It is reached through its HTTP face
// without a port, and every reply on the way is held against the contract.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import pg from 'pg'
import { type App, type AppOptions, createApp } from '../../src/app.ts'
import { createClient, type MlClient } from '../../src/client.ts'
import { type ConfigOverrides, loadConfig } from '../../src/config.ts'
import type { OperationName } from '../../src/contract/operations/index.ts'
import { silentLog } from '../../src/core/log.ts'
import { inProcessFetch } from '../../src/library/in-process-fetch.ts'
import { servers } from '../servers/servers.ts'
import { driftOf } from './drift.ts'

export interface StartOptions extends AppOptions {
  readonly config?: ConfigOverrides
  /** `embedded`: PGlite in a folder of its own; else a URL of `aDatabase`. Default embedded. */
  readonly database?: string
  /** Default: a new folder, removed afterwards. */
  readonly dataDir?: string
}

export interface TestApp extends AsyncDisposable {
  readonly app: App
  readonly dataDir: string
  /** Operations that have answered with success so far. */
  readonly answered: ReadonlySet<OperationName>
  /** As tenant `default`. */
  readonly client: MlClient
  as(tenantId: string): MlClient
  inject(options: InjectOptions): Promise<LightMyRequestResponse>
  stop(): Promise<void>
}

export async function startApp(options: StartOptions = {}): Promise<TestApp> {
  const { config, database = 'embedded', dataDir: given, ...appOptions } = options
  const dataDir = given ?? (await mkdtemp(join(tmpdir(), 'modelyard-app-')))
  const app = await createApp(
    loadConfig({
      env: {},
      overrides: { dataDir, mlWorkers: 1, ...(database !== 'embedded' && { databaseUrl: database }), ...config },
    }),
    { log: silentLog, ...appOptions },
  )
  await app.begun
  const drift: string[] = []
  const answered = new Set<OperationName>()
  const note = (request: { method: string; path: string }, reply: { status: number; text: string }) => {
    const found = driftOf(request, reply, answered)
    drift.push(...found)
    if (found.length > 0) throw new Error(`The reply breaks the contract: ${found.join('; ')}`)
  }
  const watching = new Set<Promise<void>>()
  const plainFetch = inProcessFetch(app.http)
  const watchedFetch = async (input: string, init: RequestInit): Promise<Response> => {
    const reply = await plainFetch(input, init)
    const look = reply
      .clone()
      .text()
      .then((text) => {
        note({ method: init.method ?? 'GET', path: new URL(input).pathname }, { status: reply.status, text })
      })
    const streams = reply.headers.get('content-type')?.startsWith('text/event-stream')
    // A stream is looked at once it is over, whatever becomes of its reader.
    if (streams) watching.add(look.catch(() => {}))
    else await look
    return reply
  }
  const as = (tenantId: string) => createClient({ baseUrl: 'http://test', tenantId, retries: 0, fetch: watchedFetch })
  let stopped: Promise<void> | undefined
  const stop = async () => {
    await app.stop()
    await Promise.all(watching)
    if (given === undefined) await rm(dataDir, { recursive: true, force: true })
    if (drift.length > 0) throw new Error(`Replies broke the contract: ${drift.join('; ')}`)
  }
  return {
    app,
    dataDir,
    answered,
    client: as('default'),
    as,
    async inject(request) {
      const reply = await app.http.inject(request)
      const path = new URL(String(request.url), 'http://test').pathname
      note({ method: request.method ?? 'GET', path }, { status: reply.statusCode, text: reply.body })
      return reply
    },
    stop() {
      stopped ??= stop()
      return stopped
    },
    [Symbol.asyncDispose]() {
      stopped ??= stop()
      return stopped
    },
  }
}

const { postgres } = await servers('postgres')

/** The databases that a suite about data runs over; PostgreSQL only where there is one (the reason is printed). */
export const DATABASES = ['embedded', ...(postgres ? ['postgres'] : [])] as const

export interface TestDatabase extends AsyncDisposable {
  readonly url: string
}

/** A new, empty PostgreSQL database. */
export async function aDatabase(): Promise<TestDatabase> {
  const name = `app_${randomBytes(6).toString('hex')}`
  await admin(`create database ${name}`)
  const url = new URL(postgres!.url)
  url.pathname = `/${name}`
  return { url: url.href, [Symbol.asyncDispose]: () => admin(`drop database if exists ${name} with (force)`) }
}

async function admin(text: string): Promise<void> {
  const client = new pg.Client(postgres!.url)
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end()
  }
}

/** `startApp` over the named database; a PostgreSQL database goes with the app. */
export async function startAppOn(database: string, options: StartOptions = {}): Promise<TestApp> {
  if (database === 'embedded') return startApp(options)
  const made = await aDatabase()
  const app = await startApp({ ...options, database: made.url })
  const stop = async () => {
    await app.stop()
    await made[Symbol.asyncDispose]()
  }
  return { ...app, stop, [Symbol.asyncDispose]: stop }
}
