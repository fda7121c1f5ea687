// Works on chunks until stopped: takes one after another, takes back what dead workers left, and finishes jobs whose last
// worker died between its last chunk and the end.
import { fail } from '../../core/failure.ts'
import { startLoop, type Turn } from '../../core/loop.ts'
import { endWithNext, pollMs } from '../../ports/db/index.ts'
import type { Services } from '../ctx.ts'
import { inTransaction, serviceCtx } from '../ctx.ts'
import { type Abandoned, claimChunk, takeBackChunks } from './claim.ts'
import { newCompany } from './company.ts'
import { findDone, finishJob } from './end.ts'
import { MAX_DEATHS } from './policy.ts'
import { failJob, runChunk, type Worker } from './run-chunk.ts'

export interface BatchWorker {
  /** Gives back what is being worked on, as if it had not been taken. */
  stop(): Promise<void>
}

const POLL_MS = 500
const SAMPLE_MS = 5000

export function startBatchWorker(worker: Worker, { concurrency }: { readonly concurrency: number }): BatchWorker {
  const { services } = worker
  const { db, log, settings } = services
  const onWake = (wake: () => void) => db.onWake('jobs', wake)
  const loopOptions = { log, onFailure: 'batch jobs cannot be reached, trying again' }

  async function work({ signal, idle }: Turn): Promise<void> {
    await begun
    const leave = await company.enter(signal)
    try {
      if (signal.aborted) return
      let claim = await db.system((tx) => {
        endWithNext(tx)
        return claimChunk(tx, settings.batchLeaseSeconds)
      })
      if (claim) {
        while (claim) claim = await runChunk({ ...worker, company }, claim, signal)
        return
      }
    } finally {
      leave()
    }
    // A chunk that failed falls due without a wake-up.
    await idle(POLL_MS, pollMs(db, POLL_MS))
  }

  async function tend({ signal, idle }: Turn): Promise<void> {
    await begun
    await takeBack(worker, await db.system((tx) => takeBackChunks(tx, 'expired')))
    for (const { id, tenant_id } of await complete(services)) {
      const ctx = serviceCtx(services, tenant_id, signal, id)
      const done = await inTransaction(ctx, (ctx) => findDone(ctx, id))
      if (done) await finishJob(ctx, done)
    }
    await idle(Math.min(SAMPLE_MS, (settings.batchLeaseSeconds * 1000) / 4))
  }

  const company = newCompany()
  const begun = begin(worker)
  const loops = [
    startLoop(loopOptions, tend),
    ...Array.from({ length: concurrency }, () => startLoop({ ...loopOptions, onWake }, work)),
  ]
  return {
    async stop() {
      const reason = fail('unavailable', 'STOPPING', 'The service stops')
      await Promise.all(loops.map((loop) => loop.stop(reason)))
    },
  }
}

/** The embedded database has no other process, so every claim found at the start is of one that died. */
async function begin(worker: Worker): Promise<void> {
  const { db, log } = worker.services
  if (db.status().kind !== 'embedded') return
  try {
    await takeBack(worker, await db.system((tx) => takeBackChunks(tx, 'all')))
  } catch (error) {
    log.warn({ err: error }, 'chunks of a dead process wait for their lease')
  }
}

/** A chunk whose workers die again and again takes its job with it. */
async function takeBack({ services, serving }: Worker, chunks: readonly Abandoned[]): Promise<void> {
  for (const { tenantId, jobId, folder, deaths } of chunks) {
    services.metrics.batchChunkErrors.inc({ code: 'JOB_ABANDONED' })
    if (deaths < MAX_DEATHS) continue
    const failure = fail('internal', 'BATCH_CRASHED', `The workers of one chunk died ${deaths} times`)
    const ctx = serviceCtx(services, tenantId, AbortSignal.timeout(30_000), jobId)
    await failJob({ ...ctx, serving }, { id: jobId, folder }, failure)
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
