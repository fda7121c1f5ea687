// Accepting a training: the job, the version it will become and the queue entry are written in one transaction, so an
// acknowledged job is always run and a refused one leaves nothing behind.
import type { ModelType } from '../../contract/models.ts'
import type { TrainAccepted, TrainRequest } from '../../contract/training.ts'
import { fail } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { isUniqueViolation, json, type Row } from '../../ports/db/index.ts'
import { type Ctx, inLastTransaction, type TxCtx } from '../ctx.ts'
import { getDatasetRow } from '../datasets/index.ts'
import { insertModel, lockModelRow, nextVersion } from '../models/index.ts'
import { planTraining, type TrainingPlan } from './policy.ts'

const QUEUE_RETRIES = 20

export function submitTraining(ctx: Ctx, request: TrainRequest): Promise<TrainAccepted> {
  return submitTrainingAs(ctx, request, newId('job'))
}

/** Submitting under one id twice is the same job. */
export async function submitTrainingAs(ctx: Ctx, request: TrainRequest, jobId: string): Promise<TrainAccepted> {
  await ctx.queue.untilReady()
  try {
    return await inLastTransaction(ctx, 'models.train', (ctx) => submit(ctx, request, jobId))
  } catch (error) {
    // Two first trainings of one name at once: the loser finds the winner's model on its second try.
    if (isUniqueViolation(error, 'models_name'))
      return inLastTransaction(ctx, 'models.train', (ctx) => submit(ctx, request, jobId))
    throw error
  }
}

async function submit(ctx: TxCtx, request: TrainRequest, jobId: string): Promise<TrainAccepted> {
  const known = await ctx.db
    .selectFrom('training_jobs')
    .select(['id', 'model_id', 'version'])
    .where('id', '=', jobId)
    .executeTakeFirst()
  if (known) return { model_id: known.model_id, job_id: known.id, version: known.version }
  const dataset = await getDatasetRow(ctx, request.dataset_id)
  const plan = planTraining(request, dataset.contract, ctx.settings)
  const model = await modelFor(ctx, request, plan)
  const version = await versionFor(ctx, model, request.version)
  const parent = await ctx.db
    .selectFrom('live_versions')
    .select('version')
    .where('model_id', '=', model.id)
    .where('environment', '=', plan.promotion?.environment ?? 'production')
    .executeTakeFirst()
  const tenant_id = ctx.caller.tenantId
  await ctx.db
    .insertInto('model_versions')
    .values({
      model_id: model.id,
      version,
      tenant_id,
      status: 'training',
      algorithm: plan.algorithm,
      hyperparameters: json(plan.hyperparameters),
      metrics: json({}),
      lineage: json({
        dataset_id: dataset.id,
        dataset_sha256: dataset.sha256,
        parent_version: parent?.version ?? null,
        training_job_id: jobId,
        code_version: ctx.settings.codeVersion,
        seed: plan.evaluation.seed,
        environment: {},
      }),
    })
    .execute()
  await ctx.db
    .insertInto('training_jobs')
    .values({
      id: jobId,
      tenant_id,
      model_id: model.id,
      version,
      dataset_id: dataset.id,
      request: json({ plan, requestId: ctx.caller.requestId, actor: ctx.caller.actor, trace: ctx.span.context }),
      hyperparameters: json(plan.hyperparameters),
      status: 'queued',
      stage: 'queued',
      message: 'Waiting for a worker',
    })
    .execute()
  // How often it is really run again is decided by its own row, see run.ts.
  await ctx.queue.enqueue(
    ctx.db,
    'training',
    { id: jobId, tenantId: tenant_id, data: {} },
    { retryLimit: QUEUE_RETRIES },
  )
  return { model_id: model.id, job_id: jobId, version }
}

async function modelFor(ctx: TxCtx, request: TrainRequest, plan: TrainingPlan): Promise<Row<'models'>> {
  const known = await ctx.db
    .selectFrom('models')
    .select(['id', 'type', 'target'])
    .where('name', '=', request.model_name)
    .executeTakeFirst()
  if (!known) {
    return insertModel(ctx, { name: request.model_name, type: plan.modelType, target: plan.target })
  }
  refuseOtherType(request.model_name, known.type, plan.modelType)
  // Numbering the next version needs the lock.
  const model = await lockModelRow(ctx, known.id)
  if (model.target === null) {
    await ctx.db.updateTable('models').set({ target: plan.target }).where('id', '=', model.id).execute()
  }
  return model
}

function refuseOtherType(name: string, is: ModelType, asked: ModelType): void {
  if (is !== asked) {
    throw fail('conflict', 'MODEL_TYPE_MISMATCH', `"${name}" is a ${is} model; train a ${asked} under another name`)
  }
}

async function versionFor(ctx: TxCtx, model: Row<'models'>, asked: string | undefined): Promise<string> {
  const rows = await ctx.db.selectFrom('model_versions').select('version').where('model_id', '=', model.id).execute()
  const taken = rows.map((row) => row.version)
  if (asked === undefined) return nextVersion(taken)
  if (taken.includes(asked)) {
    throw fail('conflict', 'VERSION_EXISTS', `"${model.name}" already has a version ${asked}`)
  }
  return asked
}
