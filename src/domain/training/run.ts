// A worker's side of a training job. Everything heavy happens in a child process; this file only leads the job through its
// states. Every write names the attempt, so a worker that lost its lease and lives on can change nothing any more.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Trial } from '../../contract/evaluation.ts'
import { asFailure, fail, type MlError } from '../../core/failure.ts'
import { callerAttributes, carried, type TraceContext } from '../../core/trace.ts'
import { entryBeside, runIsolated } from '../../jobs/isolate.ts'
import type { Job, NewJob } from '../../jobs/queue.ts'
import type { Row } from '../../ports/db/index.ts'
import { type Ctx, inTransaction, type Services, serviceCtx, type TxCtx } from '../ctx.ts'
import { emit } from '../events.ts'
import { getModelRow } from '../models/index.ts'
import { within } from '../traced.ts'
import { type ChampionSource, findChampion } from './champion.ts'
import { endJob } from './end.ts'
import { followPhases } from './phases.ts'
import type { TrainingOutcome, TrainingProgress, TrainingSpec } from './pipeline/spec.ts'
import { gateMetricName, type TrainingPlan } from './policy.ts'
import { followProgress } from './progress.ts'
import { registerOutcome } from './register.ts'
import { getJobRow, hasEnded, type JobRow } from './store.ts'
import { finishedTrials } from './trials.ts'

/** A crash may be the machine's fault once; twice in a row it is the job's. */
export const MAX_ATTEMPTS = 2
/** A manual deployment during the training changes what the gate compares with; then the comparison is made again. */
const MAX_COMPARISONS = 3
const ABANDON_LIMIT_MS = 60_000

export async function runTraining(services: Services, job: Job): Promise<void> {
  const first = serviceCtx(services, job.tenantId, job.signal, job.id)
  const begun = await begin(first)
  if (!begun) return
  const { row, plan } = begun
  const named = inNameOf(row, first)
  const span = services.tracer.start('training', {
    kind: 'consumer',
    parent: traceOf(row),
    attributes: { ...callerAttributes(named.caller), ...attributesOf(row) },
  })
  const ctx = within(named, span)
  const watch = followProgress(ctx, row)
  try {
    await trainAndRegister({ ctx, row, plan, watch })
  } catch (error) {
    span.failed(error)
    await settle(ctx, row, asFailure(error))
  } finally {
    watch.stop()
    span.end()
  }
}

/** Marks the job as running; undefined when there is nothing (left) to do. */
async function begin(ctx: Ctx): Promise<{ row: JobRow; plan: TrainingPlan } | undefined> {
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
        stage: 'start',
        message: found.attempt === 0 ? 'A worker has taken the job up' : 'Taken up again after an interruption',
      })
      .where('id', '=', found.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    const { plan } = row.request as unknown as { plan: TrainingPlan }
    const data = { model_id: row.model_id, version: row.version, job_id: row.id, dataset_id: row.dataset_id }
    await emit(inNameOf(row, ctx), {
      type: 'ml.training.started',
      subject: row.id,
      data: { ...data, attempt: row.attempt },
    })
    return { row, plan }
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
    'modelyard.dataset_id': dataset_id,
    'modelyard.attempt': attempt,
  }
}

interface Training {
  readonly ctx: Ctx
  readonly row: JobRow
  readonly plan: TrainingPlan
  readonly watch: ReturnType<typeof followProgress>
}

async function trainAndRegister(training: Training): Promise<void> {
  const { ctx, row, plan, watch } = training
  const { dataset, model } = await inTransaction(ctx, async (ctx) => ({
    model: await getModelRow(ctx, row.model_id),
    dataset: await ctx.db.selectFrom('datasets').selectAll().where('id', '=', row.dataset_id).executeTakeFirst(),
  }))
  if (!dataset)
    throw fail('not_found', 'DATASET_NOT_FOUND', `Dataset ${row.dataset_id} was deleted before the training`)
  const outputDir = await mkdtemp(join(ctx.settings.tempDir, 'training-'))
  try {
    for (let comparison = 1; comparison <= MAX_COMPARISONS; comparison++) {
      const champion = await findChampion(ctx, row, plan)
      const started = ctx.clock.elapsedMs()
      const finished = await inTransaction(ctx, (ctx) => finishedTrials(ctx, row.id))
      const outcome = await runChild(training, { dataset, model, champion, outputDir, finished })
      await watch.flush()
      // Before the version is visible: who sees the job done finds it counted.
      ctx.metrics.trainingDuration.observe({ algorithm: outcome.algorithm }, (ctx.clock.elapsedMs() - started) / 1000)
      if (await registerOutcome({ ctx, row, plan, dataset, outcome, champion })) return
    }
    throw fail('conflict', 'CHAMPION_CHANGED', 'What is live kept changing while the new version was compared with it')
  } finally {
    await rm(outputDir, { recursive: true, force: true })
  }
}

interface ChildRun {
  readonly dataset: Row<'datasets'>
  readonly model: Row<'models'>
  readonly champion: ChampionSource | undefined
  readonly outputDir: string
  readonly finished: readonly Trial[]
}

function runChild({ ctx, row, plan, watch }: Training, run: ChildRun): Promise<TrainingOutcome> {
  const { dataset, model, champion, outputDir, finished } = run
  const phases = followPhases(ctx.span)
  const metric = gateMetricName(plan)
  const withFiles = (dataFile: string, championFile?: string) => {
    const spec: TrainingSpec = {
      dataFile,
      reading: dataset.reading,
      contract: dataset.contract,
      modelType: plan.modelType,
      target: plan.target,
      features: plan.features,
      ...(plan.weightColumn !== undefined && { weightColumn: plan.weightColumn }),
      ...plan.candidates[0]!,
      ...(plan.candidates.length > 1 && { candidates: plan.candidates }),
      ...(plan.tuning && { tuning: plan.tuning }),
      finished,
      evaluation: { ...plan.evaluation, ...(metric !== undefined && { metric }) },
      ...(champion &&
        championFile !== undefined && {
          champion: { version: champion.version, path: championFile, signature: champion.signature },
        }),
      ...(plan.promotion?.require_significance !== undefined && {
        significance: plan.promotion.require_significance,
      }),
      outputDir,
      modelName: model.name,
      version: row.version,
    }
    return runIsolated<TrainingOutcome, TrainingProgress>({
      entry: entryBeside(import.meta.url, './pipeline/child'),
      input: spec,
      onProgress: (progress) => {
        phases.enter(progress.stage)
        watch.report(progress)
      },
      signal: AbortSignal.any([ctx.signal, watch.cancelled]),
      timeoutMs: ctx.settings.trainingTimeoutMs,
      maxMemoryMb: ctx.settings.trainingMemoryMb,
      log: ctx.log,
    })
  }
  const done = ctx.objects.localFile(dataset.object_key, (dataFile) =>
    champion
      ? ctx.objects.localFile(champion.artifactKey, (championFile) => withFiles(dataFile, championFile))
      : withFiles(dataFile),
  )
  return done.finally(phases.end)
}

/** Ends the job, or throws so that the queue runs it again. */
async function settle(ctx: Ctx, row: JobRow, failure: MlError): Promise<void> {
  const again = await inTransaction(ctx, async (ctx) => {
    const current = await getJobRow(ctx, row.id)
    if (current.attempt !== row.attempt || hasEnded(current.status)) return false
    if (current.cancel_requested) {
      await endJob(ctx, current, { status: 'cancelled', message: 'Cancelled' })
      return false
    }
    if (ctx.signal.aborted) {
      // The service is being stopped in good order: that is not the job's fault and does not count.
      await requeue(ctx, row)
      return true
    }
    const mayPass = failure.kind === 'internal' || failure.kind === 'unavailable'
    if (mayPass && row.attempt < MAX_ATTEMPTS) return true
    await endJob(ctx, current, { status: 'failed', message: failure.message, failure })
    if (failure.kind === 'internal') ctx.log.error({ err: failure, job_id: row.id }, 'training failed')
    return false
  })
  if (again) throw failure
}

async function requeue(ctx: TxCtx, row: JobRow): Promise<void> {
  await ctx.db
    .updateTable('training_jobs')
    .set({ status: 'queued', attempt: row.attempt - 1, stage: 'queued', message: 'Waiting for a worker' })
    .where('id', '=', row.id)
    .execute()
}

/** The queue has given the job up: its workers died under it again and again without being able to say so. */
export async function abandonTraining(services: Services, job: NewJob, error: Error): Promise<void> {
  const ctx = serviceCtx(services, job.tenantId, AbortSignal.timeout(ABANDON_LIMIT_MS), job.id)
  await inTransaction(ctx, async (ctx) => {
    const row = await ctx.db.selectFrom('training_jobs').selectAll().where('id', '=', job.id).executeTakeFirst()
    if (!row || hasEnded(row.status)) return
    const failure = fail('internal', 'TRAINING_CRASHED', `The training was given up: ${error.message}`)
    await endJob(inNameOf(row, ctx), row, { status: 'failed', message: failure.message, failure })
  })
}
