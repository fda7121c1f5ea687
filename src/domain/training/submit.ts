// Accepting a training: the job, the version it will become and the queue entry are written in one transaction, so an
// acknowledged job is always run and a refused one leaves nothing behind.
import { DEFAULT_ENVIRONMENT } from '../../contract/models.ts'
import type { OperationName } from '../../contract/operations/index.ts'
import type { TrainAccepted, TrainRequest } from '../../contract/training.ts'
import { newId } from '../../core/ids.ts'
import { type Ctx, inLastTransaction, type TxCtx } from '../ctx.ts'
import { getDatasetRow } from '../datasets/index.ts'
import { enqueueTraining, onceMoreForName } from './enqueue.ts'
import { planTraining } from './policy.ts'
import type { Trainer } from './trainer.ts'

export function submitTraining(ctx: Ctx, request: TrainRequest): Promise<TrainAccepted> {
  return submitTrainingAs(ctx, request, newId('job'))
}

/** Submitting under one id twice is the same job. */
export async function submitTrainingAs(ctx: Ctx, request: TrainRequest, jobId: string): Promise<TrainAccepted> {
  await ctx.queue.untilReady()
  return onceMoreForName(() => inLastTransaction(ctx, 'models.train', (ctx) => submit(ctx, request, jobId)))
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
  const { algorithm, hyperparameters } = plan
  return enqueueTraining(ctx, {
    jobId,
    model: { name: request.model_name, type: plan.modelType, target: plan.target },
    version: request.version,
    dataset,
    algorithm,
    hyperparameters,
    seed: plan.evaluation.seed,
    environment: plan.promotion?.environment ?? DEFAULT_ENVIRONMENT,
    request: { plan },
  })
}

export interface TrainerSubmission<T> {
  readonly trainer: Trainer
  readonly seed: number
  /** What is asked of the service, and what it answers, kept under an Idempotency-Key. */
  readonly operation: OperationName
  readonly reply: (accepted: TrainAccepted) => T
}

/** The same for a trainer, whose versions are gated in the default environment. */
export async function submitTrainer<T>(ctx: Ctx, submission: TrainerSubmission<T>): Promise<T> {
  const { trainer, seed, operation, reply } = submission
  await ctx.queue.untilReady()
  const jobId = newId('job')
  return onceMoreForName(() =>
    inLastTransaction(ctx, operation, async (ctx) =>
      reply(
        await enqueueTraining(ctx, {
          jobId,
          model: { name: trainer.modelName, type: trainer.modelType },
          dataset: null,
          algorithm: null,
          hyperparameters: {},
          seed,
          environment: DEFAULT_ENVIRONMENT,
          request: { trainer: { name: trainer.name, seed } },
        }),
      ),
    ),
  )
}
