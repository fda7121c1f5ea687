// Every operation but those of the travel services, with the verb that answers it. A missing line does not compile.
import type { Handlers, TravelOperationName } from '../contract/operations/index.ts'
import * as batch from './batch/index.ts'
import * as datasets from './datasets/index.ts'
import * as features from './features/index.ts'
import * as models from './models/index.ts'
import * as rollouts from './rollouts/index.ts'
import * as schedules from './schedules/index.ts'
import { createHealth, type HealthOptions, readiness } from './service/index.ts'
import type { ServingCtx } from './serving/index.ts'
import * as serving from './serving/index.ts'
import * as training from './training/index.ts'
import * as webhooks from './webhooks/index.ts'

export function createHandlers(health: HealthOptions): Omit<Handlers<ServingCtx>, TravelOperationName> {
  return {
    'datasets.create': datasets.createDataset,
    'datasets.list': datasets.listDatasets,
    'datasets.get': datasets.getDataset,
    'datasets.rows': datasets.getRows,
    'datasets.validate': datasets.validateDataset,
    'datasets.delete': datasets.deleteDataset,
    'models.train': training.submitTraining,
    'algorithms.list': training.listAlgorithms,
    'training_jobs.list': training.listJobs,
    'training_jobs.get': training.getJob,
    'training_jobs.cancel': training.cancelJob,
    'training_jobs.events': training.followJob,
    'models.list': models.listModels,
    'models.create': models.createModel,
    'models.get': models.getModel,
    'models.update': followed(models.updateModel),
    'models.delete': followed(models.deleteModel),
    'versions.list': models.listVersions,
    'versions.get': models.getVersion,
    'versions.import': models.importVersion,
    'versions.quantize': followed(training.quantizeVersion),
    'versions.trust': models.trustVersion,
    'versions.artifact': models.getArtifact,
    'versions.metadata': models.getMetadata,
    'versions.evaluation': models.getEvaluation,
    'versions.explanation': models.getExplanation,
    'versions.compare': models.compareModelVersions,
    'models.lineage': models.getLineage,
    'models.deploy': followed(models.deploy),
    'models.rollback': followed(models.rollback),
    'models.deployments': models.listDeployments,
    'rollouts.get': rollouts.getRollout,
    'models.predict': serving.predict,
    'models.predict_batch': serving.predictBatch,
    inference: serving.inference,
    predict_default: serving.predictDefault,
    predict_model: serving.predictModel,
    'predictions.feedback': serving.giveFeedback,
    'features.declare': features.declareEntityType,
    'features.entity_types': features.listEntityTypes,
    'features.put': features.putFeatures,
    'features.get': features.getFeatures,
    'features.read': features.readFeatures,
    'features.ingest': features.ingestFeatures,
    'features.training_table': features.createTrainingTable,
    'interactions.record': features.recordInteractions,
    'interactions.list': features.listInteractions,
    'batch_jobs.create': batch.submitBatch,
    'batch_jobs.list': batch.listBatchJobs,
    'batch_jobs.get': batch.getBatchJob,
    'batch_jobs.events': batch.followBatchJob,
    'batch_jobs.results': batch.getBatchResults,
    'batch_jobs.cancel': batch.cancelBatchJob,
    'batch_jobs.delete': batch.deleteBatchJob,
    'webhooks.create': webhooks.createWebhook,
    'webhooks.list': webhooks.listWebhooks,
    'webhooks.get': webhooks.getWebhook,
    'webhooks.update': webhooks.updateWebhook,
    'webhooks.rotate': webhooks.rotateSecret,
    'webhooks.delete': webhooks.deleteWebhook,
    'webhooks.deliveries': webhooks.listDeliveries,
    'webhooks.replay': webhooks.replayDeliveries,
    'schedules.create': schedules.createSchedule,
    'schedules.list': schedules.listSchedules,
    'schedules.get': schedules.getSchedule,
    'schedules.update': schedules.updateSchedule,
    'schedules.delete': schedules.deleteSchedule,
    'schedules.run': schedules.runSchedule,
    'schedules.runs': schedules.listRuns,
    'events.receive': schedules.receiveEvent,
    health: createHealth(health),
    ready: readiness,
    reload: async (ctx) => {
      await ctx.serving.live.refresh()
      return { revision: ctx.serving.live.revision, models: ctx.serving.live.size }
    },
  }
}

/**
 * A change of what is live is seen by the caller's next request to this replica, not only after the next poll. The change
 * itself is committed by then: if the look fails, the poll makes up for it.
 */
function followed<I, O>(verb: (ctx: ServingCtx, input: I) => Promise<O>): (ctx: ServingCtx, input: I) => Promise<O> {
  return async (ctx, input) => {
    const reply = await verb(ctx, input)
    ctx.serving.forgetOnDemand()
    await ctx.serving.live.refresh().catch((error: unknown) => {
      ctx.log.warn({ err: error }, 'the change is committed, but this replica has not followed it yet')
    })
    return reply
  }
}
