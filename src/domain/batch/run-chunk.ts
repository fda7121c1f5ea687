// A worker's side of a chunk, from the claim to its part file. Every write names the attempt, so a worker that lost its claim
// and lives on can change nothing any more.
import { sql } from 'kysely'
import { backoffMs, pause } from '../../core/backoff.ts'
import { asFailure, fail, type MlError } from '../../core/failure.ts'
import { callerAttributes, ended } from '../../core/trace.ts'
import { endWithNext, type Tx } from '../../ports/db/index.ts'
import { inTransaction, type Services, serviceCtx } from '../ctx.ts'
import { findVersion, type Serving, type ServingCtx } from '../serving/index.ts'
import { within } from '../traced.ts'
import { type ChunkLines, predictChunk, predictCustomChunk } from './chunk.ts'
import {
  type Claim,
  type Counted,
  claimChunk,
  completeChunk,
  extendClaim,
  failChunk,
  releaseChunk,
  survive,
  TO_COMPLETE,
} from './claim.ts'
import type { Company } from './company.ts'
import { type DoneJob, endJob, findDone, finishJob, type JobToEnd, putInputAway, TO_FIND_DONE } from './end.ts'
import { MAX_FAILURES, MAX_OUTAGES, partKey, retrySeconds } from './policy.ts'
import { detailsOf, hasEnded, sourcesOf } from './store.ts'

export interface Worker {
  readonly services: Services
  readonly serving: Serving
}

/** One of those that a worker works on at a time. */
export interface ChunkWorker extends Worker {
  readonly company: Company
}

const LEASE_BEATS = 4
/** The lease began a little before its worker heard of it. */
const SURE_OF_LEASE = 0.9

/** @returns the next chunk, which was claimed along with the end of this one. */
export async function runChunk(worker: ChunkWorker, claim: Claim, stopping: AbortSignal): Promise<Claim | undefined> {
  const { services, serving, company } = worker
  const lost = new AbortController()
  const signal = AbortSignal.any([stopping, lost.signal])
  const ctx: ServingCtx = { ...serviceCtx(services, claim.tenantId, signal, claim.jobId), serving }
  const following: Following = { wanted: () => !stopping.aborted && company.mayGoOn(), claim: undefined }
  const stopBeating = keepAlive(ctx, claim, lost)
  try {
    if (claim.deaths > 0 && !(await company.beAlone(signal))) await ctx.db.system((tx) => releaseChunk(tx, claim))
    else if (await beginJob(ctx, claim)) await inNameOf(ctx, claim, following)
  } catch (error) {
    if (lost.signal.aborted || error === LOST) await reportLost(ctx, claim, stopping)
    else if (stopping.aborted) await ctx.db.system((tx) => releaseChunk(tx, claim))
    else await settle(ctx, claim, { error, lost: lost.signal, stopping })
  } finally {
    stopBeating()
  }
  return following.claim
}

/** What is worked on next. Kept apart from what becomes of this chunk, which may fail in its last steps. */
interface Following {
  readonly wanted: () => boolean
  claim: Claim | undefined
}

/** The chunk as a span of the trace that its job was submitted in. */
async function inNameOf(ctx: ServingCtx, claim: Claim, following: Following): Promise<void> {
  const { job } = claim
  const { trace, requestId } = detailsOf(job)
  const span = ctx.tracer.start('batch.chunk', {
    kind: 'consumer',
    parent: trace,
    attributes: {
      ...callerAttributes({ tenantId: claim.tenantId, requestId }),
      'modelyard.job_id': job.id,
      'modelyard.model_id': job.model_id,
      'modelyard.version': job.version,
      'modelyard.chunk': claim.index,
      'modelyard.rows': claim.rows,
      'modelyard.attempt': claim.attempt,
    },
  })
  await ended(span, () => predictAndStore(within(ctx, span), claim, following))
}

/** What the claim could not say. False when the job has ended meanwhile. */
async function beginJob(ctx: ServingCtx, { job: { id, status } }: Claim): Promise<boolean> {
  if (status !== 'queued') return !hasEnded(status)
  return await inTransaction(ctx, async (ctx) => {
    const values = { status: 'running', started_at: sql<Date>`clock_timestamp()` } as const
    const begun = ctx.db.updateTable('batch_jobs').set(values).where('id', '=', id).where('status', '=', 'queued')
    const [, job] = await Promise.all([
      begun.execute(),
      ctx.db.selectFrom('batch_jobs').select('status').where('id', '=', id).executeTakeFirst(),
    ])
    return job !== undefined && !hasEnded(job.status)
  })
}

async function predictAndStore(ctx: ServingCtx, claim: Claim, following: Following): Promise<void> {
  const started = ctx.clock.elapsedMs()
  const lines = await predictLines(ctx, claim)
  ctx.signal.throwIfAborted()
  const key = partKey(claim.job.folder, claim.index, claim.attempt)
  await ctx.objects.put(key, lines.bytes, { signal: ctx.signal })
  const size = lines.bytes.length
  // Stored; without this the memory of several chunks would wait for the garbage collector.
  lines.bytes.buffer.transfer(0)
  const { counted, found } = await commit(ctx, { claim, lines: { ...lines, size }, following })
  if (!counted) {
    await ctx.objects.delete([key])
    throw LOST
  }
  ctx.metrics.batchChunkDuration.observe((ctx.clock.elapsedMs() - started) / 1000)
  ctx.metrics.batchRows.inc({ outcome: 'predicted' }, claim.rows - lines.failedRows)
  ctx.metrics.batchRows.inc({ outcome: 'failed' }, lines.failedRows)
  if (counted.done_count < counted.chunk_count) return
  await giveBack(ctx, following)
  const job = found ?? (await inTransaction(ctx, (ctx) => findDone(ctx, claim.jobId)))
  if (job) await finishJob(ctx, job)
}

/** Others ended meanwhile, and this was the last chunk after all: what its end takes would be time of the next one's lease. */
async function giveBack(ctx: ServingCtx, following: Following): Promise<void> {
  const { claim } = following
  if (!claim) return
  await ctx.db.system((tx) => releaseChunk(tx, claim))
  following.claim = undefined
}

async function predictLines(ctx: ServingCtx, claim: Claim): Promise<ChunkLines> {
  const { job } = claim
  const work = { claim, source: sourcesOf(job)[claim.source]! }
  if (ctx.serving.custom.find(job.model_id)) return predictCustomChunk(ctx, job.model_id, work)
  const served = await findVersion(ctx, { model: job.model_id, version: job.version })
  return predictChunk(ctx, served, work)
}

interface Stored {
  readonly claim: Claim
  readonly lines: Pick<ChunkLines, 'failedRows' | 'errors'> & { readonly size: number }
  readonly following: Following
}

interface Outcome {
  /** Undefined: the claim was lost. */
  readonly counted: Counted | undefined
  /** Where this was the last chunk, and that was known. */
  readonly found?: DoneJob | undefined
}

/**
 * In one message to the database, COMMIT with it: whether the claim still stands decides nothing but whether the chunk counts. Where
 * nothing else of the job was left at the claim, this is its end, and what that takes is asked for along with it; else the next chunk is claimed.
 */
async function commit(ctx: ServingCtx, { claim, lines, following }: Stored): Promise<Outcome> {
  const { chunk_count, done_count } = claim.job
  const result = { failedRows: lines.failedRows, bytes: lines.size, errors: lines.errors }
  if (done_count === chunk_count - 1) {
    return inTransaction(ctx, async (ctx) => {
      endWithNext(ctx.db, TO_COMPLETE + TO_FIND_DONE)
      const [counted, found] = await Promise.all([completeChunk(ctx.db, claim, result), findDone(ctx, claim.jobId)])
      return { counted, found }
    })
  }
  const goesOn = following.wanted()
  const [counted, next] = await ctx.db.system((tx) => {
    endWithNext(tx, goesOn ? TO_COMPLETE + 1 : TO_COMPLETE)
    return Promise.all([
      completeChunk(tx, claim, result),
      goesOn ? claimChunk(tx, ctx.settings.batchLeaseSeconds) : undefined,
    ])
  })
  following.claim = next
  return { counted }
}

const LOST = fail('conflict', 'JOB_LOST', 'The chunk was taken over')

interface Trial {
  readonly error: unknown
  readonly lost: AbortSignal
  readonly stopping: AbortSignal
}

/** Gives the chunk back, or ends the job where trying again cannot help. */
async function settle(ctx: ServingCtx, claim: Claim, { error, lost, stopping }: Trial): Promise<void> {
  const failure = asFailure(error)
  ctx.metrics.batchChunkErrors.inc({ code: failure.code })
  ctx.log.warn({ err: failure, job_id: claim.jobId, chunk: claim.index, attempt: claim.attempt }, 'a chunk failed')
  const mayPass = failure.kind === 'internal' || failure.kind === 'unavailable'
  const trouble = failure.kind === 'unavailable' ? 'outage' : 'fault'
  // What was lost meanwhile may have passed for the chunk of a dead worker.
  const tell = (tx: Tx) =>
    lost.aborted
      ? survive(tx, claim).then(() => undefined)
      : failChunk(tx, claim, { trouble, pauseSeconds: retrySeconds })
  const times = await onceReached(ctx, tell, stopping)
  if (times === undefined) return
  const told = { ...ctx, signal: AbortSignal.timeout(30_000) }
  if (!mayPass || times >= MOST[trouble]) await failJob(told, claim.job, failure)
}

const MOST = { fault: MAX_FAILURES, outage: MAX_OUTAGES } as const

/** Whoever takes the chunk over believes that its worker died. */
async function reportLost(ctx: ServingCtx, claim: Claim, stopping: AbortSignal): Promise<void> {
  ctx.log.info({ job_id: claim.jobId, chunk: claim.index }, 'the claim of a chunk was lost')
  await onceReached(ctx, (tx) => survive(tx, claim), stopping)
}

/** What the database is not told of a chunk that nobody works on is seen when the lease is over, and passes for a death. */
async function onceReached<T>({ db }: ServingCtx, tell: (tx: Tx) => Promise<T>, stopping: AbortSignal): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await db.system(tell)
    } catch (error) {
      if (stopping.aborted || asFailure(error).kind !== 'unavailable') throw error
      await pause(backoffMs(attempt, DATABASE_RETRY), stopping)
    }
  }
}

const DATABASE_RETRY = { initialMs: 100, maxMs: 5000 }

export async function failJob(ctx: ServingCtx, job: JobToEnd, failure: MlError): Promise<void> {
  const ended = await inTransaction(ctx, (ctx) => endJob(ctx, job, { status: 'failed', failure }))
  if (ended) await putInputAway(ctx, ended)
}

/** Extends the lease four times in its length; a worker that cannot say that it lives stops before its lease is over. */
function keepAlive(ctx: ServingCtx, claim: Claim, lost: AbortController): () => void {
  const { batchLeaseSeconds } = ctx.settings
  const leaseMs = batchLeaseSeconds * 1000
  const lose = () => lost.abort(LOST)
  let deadline = setTimeout(lose, SURE_OF_LEASE * leaseMs)
  let isOver = false
  let beating = false
  const beat = async () => {
    if (beating) return
    beating = true
    const asked = ctx.clock.elapsedMs()
    try {
      const isMine = await ctx.db.system((tx) => extendClaim(tx, claim, batchLeaseSeconds))
      if (isOver) return
      if (isMine) {
        clearTimeout(deadline)
        deadline = setTimeout(lose, asked + SURE_OF_LEASE * leaseMs - ctx.clock.elapsedMs())
      } else lose()
    } catch {
      // The next beat tries again, until the deadline.
    } finally {
      beating = false
    }
  }
  const timer = setInterval(() => void beat(), leaseMs / LEASE_BEATS)
  return () => {
    isOver = true
    clearInterval(timer)
    clearTimeout(deadline)
  }
}
