// Batch jobs by workers in processes of their own over PostgreSQL: many jobs of one row (what a chunk costs beside its rows, and that
// all are done once and in fair order), and one large job by one worker and by two. Arguments: small jobs, tenants, rows, rounds.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createClient, type MlClient } from '../../src/client.ts'
import { startPostgres } from '../../test/servers/postgres.ts'
import { spread, writeResult } from '../result.ts'
import { perceptron } from './serving/models.ts'

const JOBS = Number(process.argv[2] ?? 10_000)
const TENANTS = Number(process.argv[3] ?? 100)
const ROWS = Number(process.argv[4] ?? 40_000)
const ROUNDS = Number(process.argv[5] ?? 3)
const SUBMITTERS = 16
const CHUNKS = 500
/** Some milliseconds a row, so that a worker has work. */
const HEAVY = [1, 1024, 1024, 1]

const postgres = await startPostgres({ durable: true })
const folder = await mkdtemp(join(tmpdir(), 'modelyard-jobs-'))
const database = new pg.Client(postgres.url)
await database.connect()
const settings = {
  DATABASE_URL: postgres.url,
  MODEL_PATH: join(folder, 'artifacts'),
  ML_WORKERS: '1',
  LOG_LEVEL: 'error',
}

interface Started {
  readonly child: ChildProcess
  readonly said: string
}

async function startProgram(words: readonly string[], says: RegExp, chunkRows = 1): Promise<Started> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/main.ts'), ...words], {
    env: {
      ...process.env,
      ...settings,
      BATCH_CHUNK_ROWS: String(chunkRows),
      DATA_DIR: await mkdtemp(join(folder, 'data-')),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  for await (const line of createInterface({ input: child.stdout! })) {
    const said = says.exec(line)?.[1]
    if (said !== undefined) return { child, said }
  }
  throw new Error(`modelyard ${words.join(' ')} ended`)
}

async function withWorkers<T>(count: number, work: () => Promise<T>): Promise<T> {
  const start = () => startProgram(['worker'], /(working) on jobs/)
  const workers = await Promise.all(Array.from({ length: count }, start))
  try {
    return await work()
  } finally {
    await Promise.all(workers.map(({ child }) => Promise.all([once(child, 'exit'), child.kill()])))
  }
}

/** Chunks are cut where a job is submitted. */
async function withService<T>(chunkRows: number, work: (clients: readonly MlClient[]) => Promise<T>): Promise<T> {
  const words = ['serve', '--service-port', '0', '--no-run-worker']
  const { child, said: baseUrl } = await startProgram(words, /listens on (\S+)/, chunkRows)
  try {
    return await work(Array.from({ length: TENANTS }, (_, i) => createClient({ baseUrl, tenantId: `tenant-${i}` })))
  } finally {
    await Promise.all([once(child, 'exit'), child.kill()])
  }
}

async function install(client: MlClient, name: string, widths: readonly number[]): Promise<void> {
  const { id } = await client.models.create({ name, type: 'regression' })
  const { version } = await client.versions.import({ model_id: id, file: perceptron(widths), trusted: true })
  await client.models.deploy({ model_id: id, version })
}

async function untilAllEnded(everyMs: number): Promise<void> {
  const open = `select count(*)::int as n from batch_jobs where status in ('queued', 'running')`
  while ((await database.query(open)).rows[0].n > 0) await sleep(everyMs)
}

interface Small {
  readonly jobMs: number
  readonly submitMs: number
  /** Most jobs that one tenant was ahead of another, while both had some left. */
  readonly ahead: number
}

async function small(clients: readonly MlClient[]): Promise<Small> {
  await database.query('delete from batch_jobs')
  const begun = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: SUBMITTERS }, async () => {
      for (let i = next++; i < JOBS; i = next++) {
        // One tenant after another, so that fairness has something to do.
        const tenant = Math.floor((i * TENANTS) / JOBS)
        await clients[tenant]!.batch_jobs.create({ model_id: 'small', input_batch: [{ x: i }], job_id: `job-${i}` })
      }
    }),
  )
  const submitMs = (performance.now() - begun) / JOBS
  const jobMs = await withWorkers(1, async () => {
    const started = performance.now()
    await untilAllEnded(50)
    return (performance.now() - started) / JOBS
  })
  const { rows } = await database.query(
    'select tenant_id, status, processed_count::int as processed from batch_jobs order by finished_at, seq',
  )
  const lost = JOBS - rows.filter(({ status, processed }) => status === 'succeeded' && processed === 1).length
  if (lost !== 0 || rows.length !== JOBS) throw new Error(`${lost} of ${JOBS} jobs were not done once`)
  const done = new Map(clients.map((_, i) => [`tenant-${i}`, 0]))
  let ahead = 0
  for (const { tenant_id } of rows) {
    done.set(tenant_id, done.get(tenant_id)! + 1)
    ahead = Math.max(ahead, Math.max(...done.values()) - Math.min(...done.values()))
  }
  return { jobMs, submitMs, ahead }
}

/** Seconds from the submission to the end. */
async function oneJob(client: MlClient, model_id: string, rows: number, workers: number): Promise<number> {
  await database.query('delete from batch_jobs')
  return withWorkers(workers, async () => {
    const file = new Blob([`x\n${Array.from({ length: rows }, (_, i) => i % 997).join('\n')}\n`])
    const started = performance.now()
    await client.batch_jobs.create({ model_id, file, filename: 'rows.csv' })
    await untilAllEnded(20)
    return (performance.now() - started) / 1000
  })
}

try {
  const [found, chunks] = await withService(1, async (clients) => {
    for (const client of clients) await install(client, 'small', [1, 4, 1])
    await install(clients[0]!, 'heavy', HEAVY)
    const found = await small(clients)
    const chunks: number[] = []
    for (let round = 0; round < ROUNDS; round++) chunks.push((await oneJob(clients[0]!, 'small', CHUNKS, 1)) / CHUNKS)
    return [found, chunks.map((seconds) => seconds * 1000)] as const
  })
  const [one, two]: [number[], number[]] = [[], []]
  await withService(2000, async ([client]) => {
    for (let round = 0; round < ROUNDS; round++) {
      one.push(await oneJob(client!, 'heavy', ROWS, 1))
      two.push(await oneJob(client!, 'heavy', ROWS, 2))
    }
  })
  await writeResult('load-jobs', {
    what: `${JOBS} jobs of one row by ${TENANTS} tenants, one worker; one job of ${ROWS} rows by one worker and two; PostgreSQL`,
    rounds: ROUNDS,
    'ms to submit a job': found.submitMs,
    'ms a job of one chunk and one row': found.jobMs,
    [`ms a chunk of one row, of a job with ${CHUNKS}`]: spread(chunks),
    'jobs one tenant was ahead of another at most': found.ahead,
    'jobs lost or done twice': 0,
    'seconds, one worker': spread(one),
    'seconds, two workers': spread(two),
    'one worker / two': spread(one.map((seconds, i) => seconds / two[i]!)),
  })
} finally {
  await database.end()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}
