// Batch jobs by workers in processes of their own over PostgreSQL: many jobs of one row (what a chunk costs beside its rows, and that
// all are done once and in fair order), and one large job by one worker and by two, beside one and two processes that do nothing but call
// `session.run`. Arguments: small jobs, tenants, rows, rounds, chunks that the worker of the small jobs takes at a time.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createClient, type MlClient } from '../../src/client.ts'
import { startPostgres } from '../../test/servers/postgres.ts'
import { spread, writeResult } from '../result.ts'
import { cpuOf, told } from './child.ts'
import { perceptron } from './serving/models.ts'

const JOBS = Number(process.argv[2] ?? 10_000)
const TENANTS = Number(process.argv[3] ?? 100)
const ROWS = Number(process.argv[4] ?? 40_000)
const ROUNDS = Number(process.argv[5] ?? 3)
const AT_A_TIME = Number(process.argv[6] ?? 1)
const SUBMITTERS = 16
const CHUNKS = 500
/** Looking more often would take a tenth of a core from the workers. */
const LOOK_MS = 200
/** Some milliseconds a row, so that a worker has work. */
const HEAVY = [1, 1024, 1024, 1]
/** Those that a worker puts into one run at most. */
const BARE_ROWS = 2000

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

type Settings = Readonly<Record<string, string>>

interface Started {
  readonly child: ChildProcess
  readonly said: string
}

async function startProgram(words: readonly string[], says: RegExp, own: Settings = {}): Promise<Started> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../src/main.ts'), ...words], {
    env: {
      ...process.env,
      ...settings,
      ...own,
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

interface Workers {
  readonly count: number
  /** Chunks that each takes at a time. */
  readonly atATime?: number
}

async function withWorkers<T>(
  { count, atATime = 1 }: Workers,
  work: (workers: readonly Started[]) => Promise<T>,
): Promise<T> {
  const start = () => startProgram(['worker'], /(working) on jobs/, { BATCH_CONCURRENCY: String(atATime) })
  const workers = await Promise.all(Array.from({ length: count }, start))
  try {
    return await work(workers)
  } finally {
    await Promise.all(workers.map(({ child }) => Promise.all([once(child, 'exit'), child.kill()])))
  }
}

/** Chunks are cut where a job is submitted. */
async function withService<T>(chunkRows: number, work: (clients: readonly MlClient[]) => Promise<T>): Promise<T> {
  const words = ['serve', '--service-port', '0', '--no-run-worker']
  const { child, said: baseUrl } = await startProgram(words, /listens on (\S+)/, {
    BATCH_CHUNK_ROWS: String(chunkRows),
  })
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
  const jobMs = await withWorkers({ count: 1, atATime: AT_A_TIME }, async () => {
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

interface Done {
  /** From the submission to the end. */
  readonly seconds: number
  /** Processor time of the workers, and of everything on this machine, in seconds. */
  readonly workers: number
  readonly machine: number
}

/** By workers that have done a job before: loading the model is no part of it. */
async function oneJob(
  client: MlClient,
  model_id: string,
  { rows, count }: { rows: number; count: number },
): Promise<Done> {
  await database.query('delete from batch_jobs')
  return withWorkers({ count }, async (workers) => {
    const submit = (of: number) =>
      client.batch_jobs.create({ model_id, file: `x\n${integers(of)}\n`, filename: 'rows.csv' })
    await submit(Math.ceil(rows / 4))
    await untilAllEnded(LOOK_MS)
    const used = () => workers.reduce((sum, { child }) => sum + cpuOf(child), 0) / 1e6
    const [before, machine] = [used(), machineSeconds()]
    const started = Date.now()
    const { id } = await submit(rows)
    await untilAllEnded(LOOK_MS)
    const { rows: ended } = await database.query<{ finished_at: Date }>(
      'select finished_at from batch_jobs where id = $1',
      [id],
    )
    const seconds = (ended[0]!.finished_at.getTime() - started) / 1000
    return { seconds, workers: used() - before, machine: machineSeconds() - machine }
  })
}

function integers(count: number): string {
  return Array.from({ length: count }, (_, i) => i % 997).join('\n')
}

/** Processor time used by all since the machine started. */
function machineSeconds(): number {
  const fields = readFileSync('/proc/stat', 'utf8').split('\n')[0]!.split(/\s+/).slice(1, 9).map(Number)
  const [user, nice, system, , , irq, softirq, steal] = fields
  return (user! + nice! + system! + irq! + softirq! + steal!) / 100
}

/** Seconds of as many runs, shared out among `count` bare processes. */
async function bareRuns(runs: number, count: number): Promise<number> {
  const model = join(folder, 'heavy.onnx')
  await writeFile(model, perceptron(HEAVY))
  const children = Array.from({ length: count }, () =>
    fork(join(import.meta.dirname, 'jobs-bare.ts'), [model, String(BARE_ROWS)]),
  )
  try {
    await Promise.all(children.map((child) => told(child)))
    const started = performance.now()
    for (const child of children) child.send(Math.round(runs / count))
    await Promise.all(children.map((child) => told(child)))
    return (performance.now() - started) / 1000
  } finally {
    for (const child of children) child.kill()
  }
}

try {
  const [found, chunks] = await withService(1, async (clients) => {
    for (let i = 0; i < clients.length; i += 4)
      await Promise.all(clients.slice(i, i + 4).map((client) => install(client, 'small', [1, 4, 1])))
    await install(clients[0]!, 'heavy', HEAVY)
    const found = await small(clients)
    const chunks: number[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const { seconds } = await oneJob(clients[0]!, 'small', { rows: CHUNKS, count: 1 })
      chunks.push(seconds / CHUNKS)
    }
    return [found, chunks.map((seconds) => seconds * 1000)] as const
  })
  const [one, two]: [Done[], Done[]] = [[], []]
  const bare: number[] = []
  await withService(2000, async ([client]) => {
    const runs = ROWS / BARE_ROWS
    for (let round = 0; round < ROUNDS; round++) {
      one.push(await oneJob(client!, 'heavy', { rows: ROWS, count: 1 }))
      two.push(await oneJob(client!, 'heavy', { rows: ROWS, count: 2 }))
      bare.push((await bareRuns(runs, 1)) / (await bareRuns(runs, 2)))
    }
  })
  await writeResult('load-jobs', {
    what: `${JOBS} jobs of one row by ${TENANTS} tenants, one worker, ${AT_A_TIME} chunk(s) at a time; one job of ${ROWS} rows by one worker and two; PostgreSQL`,
    rounds: ROUNDS,
    'ms to submit a job': found.submitMs,
    'ms a job of one chunk and one row': found.jobMs,
    [`ms a chunk of one row, of a job with ${CHUNKS}`]: spread(chunks),
    'jobs one tenant was ahead of another at most': found.ahead,
    'jobs lost or done twice': 0,
    'seconds, one worker': spread(one.map(({ seconds }) => seconds)),
    'seconds, two workers': spread(two.map(({ seconds }) => seconds)),
    'one worker / two': spread(one.map(({ seconds }, i) => seconds / two[i]!.seconds)),
    'one bare process / two': spread(bare),
    'cores in use, one worker: its own': spread(one.map(({ workers, seconds }) => workers / seconds)),
    'cores in use, one worker: of everything': spread(one.map(({ machine, seconds }) => machine / seconds)),
    'cores in use, two workers: of everything': spread(two.map(({ machine, seconds }) => machine / seconds)),
    'processor time of the workers, two / one': spread(two.map(({ workers }, i) => workers / one[i]!.workers)),
  })
} finally {
  await database.end()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}
