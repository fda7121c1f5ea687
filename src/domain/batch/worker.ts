// Works on chunks until stopped: takes one after another, takes back what dead workers left, and finishes jobs whose last
// worker died between its last chunk and the end.
import { backoffMs, pause } from '../../core/backoff.ts'
import { fail } from '../../core/failure.ts'
import type { Services } from '../ctx.ts'
import { serviceCtx } from '../ctx.ts'
import { type Abandoned, claimChunk, takeBackChunks } from './claim.ts'
import { finishJob } from './end.ts'
import { MAX_FAILURES } from './policy.ts'
import { failJob, runChunk, type Worker } from './run-chunk.ts'

export interface BatchWorker {
  /** Gives back what is being worked on, as if it had not been taken. */
  stop(): Promise<void>
}

const POLL_MS = 500
const RETRY = { initialMs: 100, maxMs: 5000 }
const SAMPLE_MS = 5000

export function startBatchWorker(worker: Worker, { concurrency }: { readonly concurrency: number }): BatchWorker {
  const { services } = worker
  const { db, log, settings } = services
  const stopping = new AbortController()
  let wake = new AbortController()

  async function idle(ms: number): Promise<void> {
    await pause(ms, AbortSignal.any([wake.signal, stopping.signal]))
    if (wake.signal.aborted) wake = new AbortController()
  }

  /** Again and again; a database that is away slows it down and nothing else. */
  async function repeat(step: () => Promise<void>): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        await step()
        failures = 0
      } catch (error) {
        if (failures === 0) log.warn({ err: error }, 'batch jobs cannot be reached, trying again')
        await pause(backoffMs(failures++, RETRY), stopping.signal)
      }
    }
  }

  async function work(): Promise<void> {
    const claim = await db.system((tx) => claimChunk(tx, settings.batchLeaseSeconds))
    if (!claim) return idle(POLL_MS)
    await runChunk(worker, claim, stopping.signal)
  }

  async function tend(): Promise<void> {
    await takeBack(worker, await db.system((tx) => takeBackChunks(tx, 'expired')))
    for (const { id, tenant_id } of await complete(services)) {
      await finishJob(serviceCtx(services, tenant_id, stopping.signal, id), id)
    }
    await pause(Math.min(SAMPLE_MS, (settings.batchLeaseSeconds * 1000) / 4), stopping.signal)
  }

  async function run(): Promise<void> {
    // The embedded database has no other process, so every claim found at the start is of one that died.
    let first = db.status().kind === 'embedded'
    const begin = async () => {
      if (first) await takeBack(worker, await db.system((tx) => takeBackChunks(tx, 'all')))
      first = false
    }
    await begin().catch((error: unknown) => log.warn({ err: error }, 'chunks of a dead process wait for their lease'))
    await Promise.all([repeat(tend), ...Array.from({ length: concurrency }, () => repeat(work))])
  }

  const unlisten = db.onWake('jobs', () => wake.abort())
  const running = run()
  return {
    async stop() {
      unlisten()
      stopping.abort(fail('unavailable', 'STOPPING', 'The service stops'))
      await running
    },
  }
}

/** A chunk whose workers die again and again takes its job with it. */
async function takeBack({ services, serving }: Worker, chunks: readonly Abandoned[]): Promise<void> {
  for (const { tenantId, jobId, failures } of chunks) {
    services.metrics.batchChunkErrors.inc({ code: 'JOB_ABANDONED' })
    if (failures < MAX_FAILURES) continue
    const failure = fail('internal', 'BATCH_CRASHED', `The workers of one chunk died ${failures} times`)
    const ctx = serviceCtx(services, tenantId, AbortSignal.timeout(30_000), jobId)
    await failJob({ ...ctx, serving }, jobId, failure)
  }
}

/** Jobs that only lack their end. */
function complete({ db }: Services): Promise<{ id: string; tenant_id: string }[]> {
  return db.system((tx) =>
    tx
      .selectFrom('batch_jobs')
      .select(['id', 'tenant_id'])
      .where('status', '=', 'running')
      .whereRef('done_count', '=', 'chunk_count')
      .limit(20)
      .execute(),
  )
}
