// The job queue over both databases, with workers that fail, stop, and are killed.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { silentLog } from '../../src/core/log.ts'
import { type EnqueueOptions, type Job, openQueue, type Queue } from '../../src/jobs/queue.ts'
import { createEngine } from '../../src/jobs/queue-engine.ts'
import { startWorking } from '../../src/jobs/queue-worker.ts'
import type { Database } from '../../src/ports/db/index.ts'
import { addModel, BACKENDS, type Backend, type Place, startBackend } from '../ports/db-backends.ts'

const LEASE_SECONDS = 2

describe.each(BACKENDS)('job queue: %s', (name) => {
  let backend: Backend
  let place: Place
  let db: Database
  let queue: Queue
  const queues: Queue[] = []
  let made = 0
  const newId = () => `job_${++made}`

  async function newQueue(): Promise<Queue> {
    const queue = openQueue({ db, log: silentLog })
    queues.push(queue)
    await queue.start()
    return queue
  }
  const enqueue = (id: string, options?: EnqueueOptions, data: Record<string, unknown> = {}) =>
    db.tenant('a', (tx) => queue.enqueue(tx, 'training', { id, tenantId: 'a', data }, options))

  /** Works with `handler` and collects what it was given. */
  function work(handler: (job: Job) => Promise<void> = async () => {}, options: { concurrency?: number } = {}) {
    const seen: Job[] = []
    const take = (job: Job) => {
      seen.push(job)
      return handler(job)
    }
    const subscription = queue.work('training', take, { concurrency: 1, leaseSeconds: LEASE_SECONDS, ...options })
    return { seen, subscription, ids: () => seen.map(({ id }) => id) }
  }
  const untilEmpty = () =>
    expect
      .poll(async () => (await queue.depth()).training, { timeout: 20_000 })
      .toMatchObject({ waiting: 0, active: 0 })

  beforeAll(async () => {
    backend = await startBackend(name, { durable: true })
    place = await backend.place()
    db = await backend.open(place)
    await db.migrate()
    queue = await newQueue()
  })
  afterEach(async () => {
    await untilEmpty()
    await Promise.all(queues.splice(0).map((queue) => queue.stop()))
    queue = await newQueue()
  })
  afterAll(async () => {
    await Promise.all(queues.map((queue) => queue.stop()))
    await backend.stop()
  })

  it('runs a job with its tenant and data, once', async () => {
    const { seen } = work()
    const id = newId()
    await enqueue(id, {}, { list: [1, { two: 'ä' }] })
    await untilEmpty()
    expect(seen).toHaveLength(1)
    expect(seen[0]).toMatchObject({ id, tenantId: 'a', data: { list: [1, { two: 'ä' }] }, attempt: 1 })
  })

  it('holds no job whose transaction was undone, and keeps the tenant’s role', async () => {
    const { seen } = work()
    const undone = db.tenant('a', async (tx) => {
      await queue.enqueue(tx, 'training', { id: newId(), tenantId: 'a', data: {} })
      await addModel(tx, 'b', 'model_of_b')
    })
    await expect(undone).rejects.toThrow(/row-level security/)
    const id = newId()
    await enqueue(id)
    await untilEmpty()
    expect(seen.map((job) => job.id)).toEqual([id])
  })

  it('refuses the same job twice', async () => {
    const id = newId()
    await enqueue(id)
    await expect(enqueue(id)).rejects.toMatchObject({ kind: 'conflict', code: 'JOB_EXISTS' })
    work()
  })

  it('is waited for while it starts, and not for ever', async () => {
    const starting = openQueue({ db, log: silentLog })
    queues.push(starting)
    await expect(starting.untilReady(1)).rejects.toMatchObject({ code: 'QUEUE_NOT_READY' })
    const ready = starting.untilReady()
    await starting.start()
    await ready
  })

  it('runs higher priorities first and equal ones in their order', async () => {
    const [first, second, urgent] = [newId(), newId(), newId()]
    await enqueue(first)
    await enqueue(second)
    await enqueue(urgent, { priority: 5 })
    const { ids } = work()
    await untilEmpty()
    expect(ids()).toEqual([urgent, first, second])
  })

  it('runs as many jobs at the same time as allowed and no more', async () => {
    let running = 0
    let most = 0
    const { seen } = work(
      async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setTimeout(resolve, 50))
        running--
      },
      { concurrency: 3 },
    )
    await Promise.all(Array.from({ length: 9 }, () => enqueue(newId())))
    await untilEmpty()
    expect(seen).toHaveLength(9)
    expect(most).toBe(3)
  })

  it('runs a job whose handler throws again, then gives it up and says so', async () => {
    const attempts: number[] = []
    const dead: string[] = []
    queue.work(
      'training',
      async ({ attempt }) => {
        attempts.push(attempt)
        throw new Error('broken')
      },
      { concurrency: 1, onDead: async (job, error) => void dead.push(`${job.id} ${error.message}`) },
    )
    const id = newId()
    await enqueue(id, { retryLimit: 2 })
    await untilEmpty()
    expect(attempts).toEqual([1, 2, 3])
    expect(dead).toEqual([`${id} broken`])
  })

  it('keeps a job for as long as nobody takes it, and pauses before it is run again where that was asked for', async () => {
    const id = newId()
    await enqueue(id, { retryDelaySeconds: 60 })
    const { seen, subscription } = work(async () => {
      throw new Error('broken')
    })
    await expect.poll(() => seen.length).toBe(1)
    await subscription.close({ timeoutMs: 10_000 })
    const { rows } = await db.system((tx) =>
      sql`select state, start_after > now() + interval '50 seconds' as paused, keep_until > now() + interval '5 years' as kept
        from modelyard_queue.job where data->>'id' = ${id}`.execute(tx),
    )
    expect(rows).toEqual([{ state: 'retry', paused: true, kept: true }])
    await db.tenant('a', (tx) => queue.cancel(tx, 'training', id))
  })

  it('takes a cancelled job out of the queue', async () => {
    const id = newId()
    await enqueue(id)
    await db.tenant('a', (tx) => queue.cancel(tx, 'training', id))
    const { seen } = work()
    await untilEmpty()
    expect(seen).toEqual([])
  })

  it('tells a running job that it was cancelled, and does not run it again', async () => {
    const { seen } = work(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)))
    const id = newId()
    await enqueue(id)
    await expect.poll(() => seen.length).toBe(1)
    await db.tenant('a', (tx) => queue.cancel(tx, 'training', id))
    await expect.poll(() => seen[0]?.signal.aborted).toBe(true)
    await untilEmpty()
    expect(seen).toHaveLength(1)
  })

  it('ends an attempt that takes too long', async () => {
    const { seen } = work(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)))
    await enqueue(newId(), { expireSeconds: 1, retryLimit: 0 })
    await expect.poll(() => seen[0]?.signal.aborted, { timeout: 5000 }).toBe(true)
    expect(seen[0]?.signal.reason).toMatchObject({ code: 'JOB_EXPIRED' })
    await untilEmpty()
  })

  it('counts waiting and running jobs and the age of the oldest', async () => {
    const release = Promise.withResolvers<void>()
    const { seen } = work(() => release.promise)
    for (let i = 0; i < 3; i++) await enqueue(newId())
    await expect.poll(() => seen.length).toBe(1)
    const { training, batch } = await queue.depth()
    expect(training).toMatchObject({ waiting: 2, active: 1 })
    expect(training.oldestSeconds).toBeGreaterThan(0)
    expect(batch).toEqual({ waiting: 0, active: 0, oldestSeconds: 0 })
    release.resolve()
  })

  it('hands back what runs when it stops, without counting the attempt', async () => {
    const { seen, subscription } = work(
      ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
    )
    await enqueue(newId(), { retryLimit: 0 })
    await expect.poll(() => seen.length).toBe(1)
    await subscription.close()
    const again = work()
    await untilEmpty()
    expect(again.seen.map(({ attempt }) => attempt)).toEqual([1])
  })

  it('hands back what it was given while it stopped', async () => {
    const engine = createEngine(db, () => {})
    await engine.start()
    const [claimed, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow: typeof engine = {
      ...engine,
      async claim(...args) {
        const claims = await engine.claim(...args)
        if (claims.length > 0) claimed.resolve()
        await answered.promise
        return claims
      },
    }
    const begun: string[] = []
    await enqueue(newId(), { retryLimit: 0 })
    const subscription = startWorking({
      queue: 'training',
      handler: async ({ id }) => void begun.push(id),
      options: { concurrency: 1 },
      engine: () => slow,
      db,
      log: silentLog,
      started: Promise.resolve(),
    })
    await claimed.promise
    const closed = subscription.close()
    answered.resolve()
    await closed
    await engine.stop()
    expect(begun).toEqual([])
    const again = work()
    await untilEmpty()
    expect(again.seen.map(({ attempt }) => attempt)).toEqual([1])
  })

  it('stops a job that it lost and took again while the first run was ending', async () => {
    const lost = async () => {
      await db.system((tx) =>
        sql`update modelyard_queue.job set heartbeat_on = 'epoch' where state = 'active' and retry_count = 0`.execute(
          tx,
        ),
      )
      return seen.length
    }
    const ended: number[] = []
    const { seen, subscription } = work(
      async ({ attempt, signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        ended.push(attempt)
        throw new Error('stopped')
      },
      { concurrency: 2 },
    )
    await enqueue(newId())
    await expect.poll(() => seen.length).toBe(1)
    await expect.poll(lost, { interval: 100, timeout: 10_000 }).toBe(2)
    await expect.poll(() => ended, { timeout: 5000 }).toEqual([1])
    await subscription.close()
    expect(ended).toEqual([1, 2])
    const again = work()
    await untilEmpty()
    expect(again.seen.map(({ attempt }) => attempt)).toEqual([2])
  })

  it('lets running jobs finish when it is given the time', async () => {
    let finished = false
    const { seen, subscription } = work(async () => {
      await new Promise((resolve) => setTimeout(resolve, 300))
      finished = true
    })
    await enqueue(newId())
    await expect.poll(() => seen.length).toBe(1)
    await subscription.close({ timeoutMs: 10_000 })
    expect(finished).toBe(true)
    expect((await queue.depth()).training).toMatchObject({ waiting: 0, active: 0 })
  })

  it('keeps a job that takes much longer than the lease', async () => {
    const started: string[] = []
    const slowly = async ({ id }: Job) => {
      started.push(id)
      await new Promise((resolve) => setTimeout(resolve, LEASE_SECONDS * 2500))
    }
    for (const each of [queue, await newQueue()]) {
      each.work('training', slowly, { concurrency: 1, leaseSeconds: LEASE_SECONDS })
    }
    const id = newId()
    await enqueue(id)
    await untilEmpty()
    expect(started).toEqual([id])
  })

  it('takes a job from a worker that has not been heard of, which is then told', async () => {
    const { seen } = work(
      ({ attempt, signal }) =>
        attempt > 1 ? Promise.resolve() : new Promise((_, reject) => signal.addEventListener('abort', reject)),
      { concurrency: 2 },
    )
    await enqueue(newId())
    await expect.poll(() => seen.length).toBe(1)
    await db.system((tx) =>
      sql`update modelyard_queue.job set heartbeat_on = 'epoch' where state = 'active'`.execute(tx),
    )
    // The worker's own heartbeat may come first; then nothing was abandoned and it is cancelled instead.
    await expect
      .poll(
        async () => {
          await db.system((tx) =>
            sql`update modelyard_queue.job set heartbeat_on = 'epoch' where state = 'active' and retry_count = 0`.execute(
              tx,
            ),
          )
          return seen.length
        },
        { interval: 100, timeout: 10_000 },
      )
      .toBe(2)
    expect(seen[1]?.attempt).toBe(2)
    await expect.poll(() => seen[0]?.signal.aborted, { timeout: 5000 }).toBe(true)
    await untilEmpty()
    expect(seen).toHaveLength(2)
  })

  it('runs the job of a killed worker again, once', async () => {
    const id = newId()
    await enqueue(id)
    if (name === 'embedded') await db.close() // one process at a time
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'queue-process.ts'), place.dataDir, place.url ?? ''].filter(Boolean),
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    const lines: string[] = []
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
    await expect.poll(() => lines, { timeout: 30_000 }).toEqual([`${id} 1`])
    const gone = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGKILL')
    await gone
    if (name === 'embedded') {
      db = await backend.open(place)
      queue = await newQueue()
    }
    const { seen } = work()
    await untilEmpty()
    expect(seen.map(({ id, attempt }) => [id, attempt])).toEqual([[id, 2]])
  })

  if (name === 'embedded') return

  it('goes on when the database has been away', async () => {
    const { ids } = work()
    const [before, after] = [newId(), newId()]
    await enqueue(before)
    await untilEmpty()
    await backend.server!.kill()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await backend.server!.restart()
    await expect
      .poll(
        () =>
          enqueue(after).then(
            () => true,
            () => false,
          ),
        { timeout: 20_000 },
      )
      .toBe(true)
    await untilEmpty()
    expect(ids()).toEqual([before, after])
  })
})
