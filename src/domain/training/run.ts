// A worker's side of a training job. Everything heavy happens in a child process; this file only leads the job through its
// states. Every write names the attempt, so a worker that lost its lease and lives on can change nothing any more.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { asFailure, fail, MlError } from '../../core/failure.ts'
import { callerAttributes, carried, type TraceContext } from '../../core/trace.ts'
import type { Job, NewJob } from '../../jobs/queue.ts'
import { type Ctx, inTransaction, type Services, serviceCtx, type TxCtx } from '../ctx.ts'
import { emit } from '../events.ts'
import { within } from '../traced.ts'
import { findChampion } from './champion.ts'
import { endJob } from './end.ts'
import { followProgress } from './progress.ts'
import { registerOutcome } from './register.ts'
import { hasEnded, type JobRow, lockJobRow } from './store.ts'
import { tableWork } from './table-work.ts'
import type { Trainers } from './trainer.ts'
import { trainerWork } from './trainer-work.ts'
import type { Training, Work } from './work.ts'

/** A crash may be the machine's fault once; twice in a row it is the job's. */
export const MAX_ATTEMPTS = 2
/**
 * How often a job is taken up before an object store that does not answer, or a worker that does not know its trainer, counts as an attempt:
 * with the pauses of the queue in between that is after nine minutes.
 */
const PATIENT_TRIES = 10
/**
 * What goes live during a training changes what the gate compares with; then the comparison is made again. Several trainings of one
 * model do that to each other, and of so many at once each comes to its end: of those that compare, one goes live.
 */
const MAX_COMPARISONS = 10
const ABANDON_LIMIT_MS = 60_000
/** Until the work tells of its own stages. */
const FIRST_STAGE = 'start'

export async function runTraining(services: Services, job: Job, trainers: Trainers): Promise<void> {
  const first = serviceCtx(services, job.tenantId, job.signal, job.id)
  const row = await begin(first)
  if (!row) return
  const named = inNameOf(row, first)
  const span = services.tracer.start('training', {
    kind: 'consumer',
    parent: traceOf(row),
    attributes: { ...callerAttributes(named.caller), ...attributesOf(row) },
  })
  const ctx = within(named, span)
  const watch = followProgress(ctx, row)
  try {
    await trainAndRegister({ ctx, row, watch }, trainers)
  } catch (error) {
    span.failed(error)
    await settle({ ctx, row, tries: job.attempt }, asFailure(error))
  } finally {
    watch.stop()
    span.end()
  }
}

/** Marks the job as running; undefined when there is nothing (left) to do. */
async function begin(ctx: Ctx): Promise<JobRow | undefined> {
  return inTransaction(ctx, async (ctx) => {
    const found = await ctx.db
      .selectFrom('training_jobs')
      .selectAll()
      .where('id', '=', ctx.caller.requestId)
      .forUpdate()
      .executeTakeFirst()
    if (!found || hasEnded(found.status)) return undefined
    if (found.cancel_requested) {
      await endJob(inNameOf(found, ctx), found, { status: 'cancelled', message: 'Cancelled' })
      return undefined
    }
    if (found.attempt >= MAX_ATTEMPTS) {
      const failure = fail('internal', 'TRAINING_CRASHED', `The training was interrupted ${found.attempt} times`)
      await endJob(inNameOf(found, ctx), found, { status: 'failed', message: failure.message, failure })
      return undefined
    }
    const now = ctx.clock.now()
    const row = await ctx.db
      .updateTable('training_jobs')
      .set({
        status: 'running',
        attempt: found.attempt + 1,
        started_at: found.started_at ?? now,
        heartbeat_at: now,
        stage: FIRST_STAGE,
        message: found.attempt === 0 ? 'A worker has taken the job up' : 'Taken up again after an interruption',
      })
      .where('id', '=', found.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    const data = { model_id: row.model_id, version: row.version, job_id: row.id, dataset_id: row.dataset_id }
    await emit(inNameOf(row, ctx), {
      type: 'ml.training.started',
      subject: row.id,
      data: { ...data, attempt: row.attempt },
    })
    return row
  })
}

/** Events and history carry the request and the person that asked for the training, not the worker. */
function inNameOf<C extends Ctx | TxCtx>(row: JobRow, ctx: C): C {
  const { requestId, actor } = row.request as { requestId: string; actor: string }
  const span = ctx.span.context ? ctx.span : carried(traceOf(row))
  return { ...ctx, caller: { ...ctx.caller, requestId, actor }, span }
}

/** Of the request that submitted the job. */
function traceOf({ request }: JobRow): TraceContext | undefined {
  return (request as { readonly trace?: TraceContext }).trace
}

function attributesOf({ id, model_id, version, dataset_id, attempt }: JobRow) {
  return {
    'modelyard.job_id': id,
    'modelyard.model_id': model_id,
    'modelyard.version': version,
    ...(dataset_id !== null && { 'modelyard.dataset_id': dataset_id }),
    'modelyard.attempt': attempt,
  }
}

async function trainAndRegister(training: Training, trainers: Trainers): Promise<void> {
  const { ctx, row, watch } = training
  const work = await workOf(training, trainers)
  const { promotion, learnsFrom } = work
  const outputDir = await mkdtemp(join(ctx.settings.tempDir, 'training-'))
  try {
    for (let comparison = 1; comparison <= MAX_COMPARISONS; comparison++) {
      const champion = await findChampion(ctx, row, promotion)
      const started = ctx.clock.elapsedMs()
      const outcome = await work.run({ champion, outputDir })
      await watch.flush()
      // Before the version is visible: who sees the job done finds it counted.
      ctx.metrics.trainingDuration.observe({ algorithm: outcome.algorithm }, (ctx.clock.elapsedMs() - started) / 1000)
      if (await registerOutcome({ ctx, row, promotion, learnsFrom, outcome, champion })) return
    }
    throw fail('conflict', 'CHAMPION_CHANGED', 'What is live kept changing while the new version was compared with it')
  } finally {
    await rm(outputDir, { recursive: true, force: true })
  }
}

function workOf(training: Training, trainers: Trainers): Promise<Work> {
  return 'trainer' in training.row.request ? trainerWork(training, trainers) : tableWork(training)
}

interface Attempted {
  readonly ctx: Ctx
  readonly row: JobRow
  /** How often the queue has handed the job out. */
  readonly tries: number
}

/** Ends the job, or throws so that the queue runs it again. */
async function settle({ ctx, row, tries }: Attempted, failure: MlError): Promise<void> {
  const again = await inTransaction(ctx, async (ctx) => {
    const current = await lockJobRow(ctx, row.id)
    if (current.attempt !== row.attempt || hasEnded(current.status)) return false
    if (current.cancel_requested) {
      await endJob(ctx, current, { status: 'cancelled', message: 'Cancelled' })
      return false
    }
    const expired = expiryOf(ctx.signal)
    if (ctx.signal.aborted && !expired) {
      // The service is being stopped in good order: that is not the job's fault and does not count.
      await requeue(ctx, row, 'Waiting for a worker')
      return true
    }
    if (!expired && isOutage(failure) && current.stage === FIRST_STAGE && tries < PATIENT_TRIES) {
      await requeue(ctx, row, `To be tried again: ${failure.message}`)
      return true
    }
    const mayPass = !expired && (failure.kind === 'internal' || failure.kind === 'unavailable')
    if (mayPass && row.attempt < MAX_ATTEMPTS) return true
    const reason = expired ?? failure
    await endJob(ctx, current, { status: 'failed', message: reason.message, failure: reason })
    if (reason.kind === 'internal') ctx.log.error({ err: reason, job_id: row.id }, 'training failed')
    return false
  })
  if (again) throw failure
}

/** What is over because of its own length would be so again and again. */
function expiryOf({ reason }: AbortSignal): MlError | undefined {
  return reason instanceof MlError && reason.code === 'JOB_EXPIRED' ? reason : undefined
}

/** Before anything was learned such a failure costs nothing but time, and comes to every job at once. */
function isOutage({ kind, code }: MlError): boolean {
  return kind === 'unavailable' && code !== 'TRAINING_CRASHED'
}

async function requeue(ctx: TxCtx, row: JobRow, message: string): Promise<void> {
  await ctx.db
    .updateTable('training_jobs')
    .set({ status: 'queued', attempt: row.attempt - 1, stage: 'queued', message })
    .where('id', '=', row.id)
    .execute()
}

/** The queue has given the job up: its workers died under it again and again without being able to say so. */
export async function abandonTraining(services: Services, job: NewJob, error: Error): Promise<void> {
  const ctx = serviceCtx(services, job.tenantId, AbortSignal.timeout(ABANDON_LIMIT_MS), job.id)
  await inTransaction(ctx, async (ctx) => {
    const row = await ctx.db
      .selectFrom('training_jobs')
      .selectAll()
      .where('id', '=', job.id)
      .forUpdate()
      .executeTakeFirst()
    if (!row || hasEnded(row.status)) return
    const failure = fail('internal', 'TRAINING_CRASHED', `The training was given up: ${error.message}`)
    await endJob(inNameOf(row, ctx), row, { status: 'failed', message: failure.message, failure })
  })
}
