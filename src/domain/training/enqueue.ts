// The rows of an accepted training, written in one transaction: the version it will become, the job, and its entry in the queue.
import type { ModelType } from '../../contract/models.ts'
import type { TrainAccepted } from '../../contract/training.ts'
import { fail } from '../../core/failure.ts'
import { isUniqueViolation, json, type Row } from '../../ports/db/index.ts'
import type { TxCtx } from '../ctx.ts'
import { insertModel, lockModelRow, nextVersion } from '../models/index.ts'

const QUEUE_RETRIES = 20
const RETRY_DELAY_SECONDS = 2

export interface NewTraining {
  readonly jobId: string
  readonly model: NamedModel
  /** The number that was asked for; else the next one. */
  readonly version?: string | undefined
  /** Null where it does not learn from a dataset. */
  readonly dataset: Pick<Row<'datasets'>, 'id' | 'sha256'> | null
  readonly algorithm: string | null
  readonly hyperparameters: Readonly<Record<string, unknown>>
  readonly seed: number
  readonly environment: string
  /** What the worker is to do; who asked for it is added. */
  readonly request: Readonly<Record<string, unknown>>
}

interface NamedModel {
  readonly name: string
  readonly type: ModelType
  readonly target?: string
}

export async function enqueueTraining(ctx: TxCtx, training: NewTraining): Promise<TrainAccepted> {
  const { jobId, dataset, algorithm, hyperparameters, seed, environment, request } = training
  const model = await modelFor(ctx, training.model)
  const version = await versionFor(ctx, model, training.version)
  const parent = await ctx.db
    .selectFrom('live_versions')
    .select('version')
    .where('model_id', '=', model.id)
    .where('environment', '=', environment)
    .executeTakeFirst()
  const tenant_id = ctx.caller.tenantId
  await ctx.db
    .insertInto('model_versions')
    .values({
      model_id: model.id,
      version,
      tenant_id,
      status: 'training',
      algorithm,
      hyperparameters: json(hyperparameters),
      metrics: json({}),
      lineage: json({
        dataset_id: dataset?.id ?? null,
        dataset_sha256: dataset?.sha256 ?? null,
        parent_version: parent?.version ?? null,
        training_job_id: jobId,
        code_version: ctx.settings.codeVersion,
        seed,
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
      dataset_id: dataset?.id ?? null,
      request: json({
        ...request,
        requestId: ctx.caller.requestId,
        actor: ctx.caller.actor,
        trace: ctx.span.context,
      }),
      hyperparameters: json(hyperparameters),
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
    { retryLimit: QUEUE_RETRIES, retryDelaySeconds: RETRY_DELAY_SECONDS },
  )
  return { model_id: model.id, job_id: jobId, version }
}

/** Two first trainings of one name at once: the loser finds the winner's model on its second try. */
export async function onceMoreForName<T>(submit: () => Promise<T>): Promise<T> {
  try {
    return await submit()
  } catch (error) {
    if (isUniqueViolation(error, 'models_name')) return submit()
    throw error
  }
}

async function modelFor(ctx: TxCtx, { name, type, target }: NamedModel): Promise<Row<'models'>> {
  const known = await ctx.db.selectFrom('models').select(['id', 'type']).where('name', '=', name).executeTakeFirst()
  if (!known) return insertModel(ctx, { name, type, ...(target !== undefined && { target }) })
  refuseOtherType(name, known.type, type)
  // Numbering the next version needs the lock.
  const model = await lockModelRow(ctx, known.id)
  if (model.target === null && target !== undefined) {
    await ctx.db.updateTable('models').set({ target }).where('id', '=', model.id).execute()
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
