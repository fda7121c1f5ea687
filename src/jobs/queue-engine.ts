// The only file that knows pg-boss, which keeps the jobs: their order, retries, expiry and clean-up. Its own heartbeats
// cannot be shorter than ten seconds and its workers not woken from here, so both are done in queue-worker.ts with the
// time of the last heartbeat that pg-boss stores anyway.
import { createHash } from 'node:crypto'
import { CompiledQuery } from 'kysely'
import { type Db as IDatabase, type JobWithMetadata, PgBoss } from 'pg-boss'
import type { Database, Tx } from '../ports/db/index.ts'
import type { EnqueueOptions, NewJob, QueueDepth } from './queue.ts'
import { QUEUES, type QueueName } from './queues.ts'

const SCHEMA = 'modelyard_queue'
const DAY_SECONDS = 86_400
const DEFAULT_RETRIES = 2
const LONGEST_PAUSE_SECONDS = 120
/** A job waits for its worker however long it takes: pg-boss would delete it after two weeks, and say so to nobody. */
const KEPT_SECONDS = 10 * 365 * DAY_SECONDS
const NO_JOB = '00000000-0000-8000-8000-000000000000'

/** A job this process holds; `attempt` tells its claim from a later one of the same job. */
export interface Claim {
  readonly key: string
  readonly job: NewJob
  readonly attempt: number
  readonly lastAttempt: boolean
  readonly expireSeconds: number
}

export interface Engine {
  /** Makes or updates the queue's tables; safe from several processes at once. */
  start(): Promise<void>
  stop(): Promise<void>
  /** False if the job exists already. */
  add(tx: Tx, queue: QueueName, job: NewJob, options: EnqueueOptions): Promise<boolean>
  cancel(tx: Tx, queue: QueueName, jobId: string): Promise<void>
  claim(queue: QueueName, count: number): Promise<readonly Claim[]>
  /** Says that the claims are still worked on; returns the keys of those that are no longer ours. */
  touch(queue: QueueName, claims: readonly Claim[]): Promise<ReadonlySet<string>>
  /** Claims, by any process, that nobody has touched for `seconds`. */
  abandoned(queue: QueueName, seconds: number): Promise<readonly Claim[]>
  complete(queue: QueueName, claim: Claim): Promise<void>
  /** To be run again if retries are left. */
  fail(queue: QueueName, claim: Claim, error: Error): Promise<void>
  /** Back into the queue as if it had not been claimed. */
  release(queue: QueueName, claim: Claim): Promise<void>
  depth(): Promise<Readonly<Record<QueueName, QueueDepth>>>
}

export function createEngine(db: Database, onError: (error: Error) => void): Engine {
  const sql = db.queueExecutor
  const embedded = db.status().kind === 'embedded'
  const boss = new PgBoss({
    db: sql as IDatabase,
    backend: embedded ? 'pglite' : 'postgres',
    schema: SCHEMA,
    schedule: false,
    monitorVacuum: false,
    // Dependencies between jobs are not used here; the default looks for some every five seconds.
    flowIntervalSeconds: 300,
  })
  boss.on('error', onError)

  return {
    async start() {
      await boss.start()
      const known = new Set((await boss.getQueues()).map(({ name }) => name))
      for (const name of QUEUES) {
        if (!known.has(name))
          await boss.createQueue(name, { expireInSeconds: DAY_SECONDS, retryLimit: DEFAULT_RETRIES })
        // Fills pg-boss's memory of the queue: asking the database inside a transaction would wait for itself.
        await boss.touch(name, NO_JOB)
      }
      // The embedded database has no other process, so every claim is of one that died: it need not wait for its lease.
      if (embedded) await sql.executeSql(`update ${SCHEMA}.job set heartbeat_on = 'epoch' where state = 'active'`)
    },
    stop: () => boss.stop({ graceful: false, close: false }),
    async add(tx, queue, job, options) {
      const { priority = 0, retryLimit = DEFAULT_RETRIES, expireSeconds = DAY_SECONDS, retryDelaySeconds } = options
      const sent = await boss.send(
        queue,
        { ...job },
        {
          id: keyOf(job.id),
          priority,
          retryLimit,
          expireInSeconds: expireSeconds,
          retentionSeconds: KEPT_SECONDS,
          ...(retryDelaySeconds !== undefined && {
            retryDelay: retryDelaySeconds,
            retryBackoff: true,
            retryDelayMax: LONGEST_PAUSE_SECONDS,
          }),
          db: inside(tx),
        },
      )
      return sent !== null
    },
    async cancel(tx, queue, jobId) {
      await boss.cancel(queue, keyOf(jobId), { db: inside(tx) })
    },
    async claim(queue, count) {
      const jobs = await boss.fetch<NewJob>(queue, { batchSize: count, includeMetadata: true })
      return (jobs as JobWithMetadata<NewJob>[]).map((job) => ({
        key: job.id,
        job: job.data,
        attempt: job.retryCount + 1,
        lastAttempt: job.retryCount >= job.retryLimit,
        expireSeconds: job.expireInSeconds,
      }))
    },
    async touch(queue, claims) {
      const { settled } = (await boss.touch(queue, claims.map(attemptOf))) as { settled?: readonly string[] }
      const held = new Set(settled)
      return new Set(claims.map(({ key }) => key).filter((key) => !held.has(key)))
    },
    async abandoned(queue, seconds) {
      const { rows } = await sql.executeSql(ABANDONED, [queue, seconds])
      return rows as unknown as Claim[]
    },
    async complete(queue, claim) {
      await boss.complete(queue, attemptOf(claim))
    },
    async fail(queue, claim, error) {
      await boss.fail(queue, attemptOf(claim), { message: error.message })
    },
    async release(queue, claim) {
      await sql.executeSql(RELEASE, [queue, claim.key, claim.attempt - 1])
    },
    async depth() {
      const { rows } = await sql.executeSql(DEPTH)
      const empty: QueueDepth = { waiting: 0, active: 0, oldestSeconds: 0 }
      const found = rows.map(({ name, ...depth }) => [name, depth])
      return { ...Object.fromEntries(QUEUES.map((name) => [name, empty])), ...Object.fromEntries(found) }
    },
  }
}

const ABANDONED = `
  select id as key, data as job, retry_count + 1 as attempt, retry_count >= retry_limit as "lastAttempt",
    expire_seconds as "expireSeconds"
  from ${SCHEMA}.job
  where name = $1 and state = 'active' and heartbeat_on < now() - make_interval(secs => $2::double precision)`

// retry_count counts the claims that were begun anew; without started_on the next claim does not raise it.
const RELEASE = `
  update ${SCHEMA}.job set state = 'retry', started_on = null, heartbeat_on = null
  where name = $1 and id = $2::uuid and state = 'active' and retry_count = $3`

const DEPTH = `
  select name, count(*) filter (where state < 'active') as waiting, count(*) filter (where state = 'active') as active,
    coalesce(extract(epoch from now() - min(created_on) filter (where state < 'active')), 0)::double precision
      as "oldestSeconds"
  from ${SCHEMA}.job where state <= 'active' group by name`

/** pg-boss's identifiers are UUIDs; this one is made from ours (version 8, RFC 9562). */
function keyOf(jobId: string): string {
  const hex = createHash('sha256').update(jobId).digest('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

function attemptOf({ key, attempt }: Claim): { id: string; retryCount: number } {
  return { id: key, retryCount: attempt - 1 }
}

function inside(tx: Tx): IDatabase {
  return {
    executeSql: async (text, values) => ({ rows: (await tx.executeQuery(CompiledQuery.raw(text, values))).rows }),
  }
}
