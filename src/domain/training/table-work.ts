// Learning from a dataset: the pipeline, in a child process.
import type { Trial } from '../../contract/evaluation.ts'
import { fail } from '../../core/failure.ts'
import { entryBeside, runIsolated } from '../../jobs/isolate.ts'
import type { Row } from '../../ports/db/index.ts'
import { inTransaction } from '../ctx.ts'
import { getModelRow } from '../models/index.ts'
import { followPhases } from './phases.ts'
import type { TrainingOutcome, TrainingProgress, TrainingSpec } from './pipeline/spec.ts'
import { gateMetricName, type TrainingPlan } from './policy.ts'
import { finishedTrials } from './trials.ts'
import type { Training, Work, WorkRun } from './work.ts'

export async function tableWork(training: Training): Promise<Work> {
  const { ctx, row } = training
  const { plan } = row.request as unknown as { readonly plan: TrainingPlan }
  const { dataset, model } = await inTransaction(ctx, async (ctx) => ({
    model: await getModelRow(ctx, row.model_id),
    dataset: await ctx.db.selectFrom('datasets').selectAll().where('id', '=', row.dataset_id!).executeTakeFirst(),
  }))
  if (!dataset)
    throw fail('not_found', 'DATASET_NOT_FOUND', `Dataset ${row.dataset_id} was deleted before the training`)
  return {
    promotion: plan.promotion,
    learnsFrom: dataset.name,
    async run(run) {
      const finished = await inTransaction(ctx, (ctx) => finishedTrials(ctx, row.id))
      return runChild(training, { ...run, plan, dataset, model, finished })
    },
  }
}

interface ChildRun extends WorkRun {
  readonly plan: TrainingPlan
  readonly dataset: Row<'datasets'>
  readonly model: Row<'models'>
  readonly finished: readonly Trial[]
}

function runChild({ ctx, row, watch }: Training, run: ChildRun): Promise<TrainingOutcome> {
  const { plan, dataset, model, champion, outputDir, finished } = run
  const phases = followPhases(ctx.span)
  const metric = gateMetricName(plan)
  const signal = AbortSignal.any([ctx.signal, watch.cancelled])
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
      signal,
      timeoutMs: ctx.settings.trainingTimeoutMs,
      maxMemoryMb: ctx.settings.trainingMemoryMb,
      log: ctx.log,
    })
  }
  const withData = (dataFile: string) =>
    champion
      ? ctx.objects.localFile(champion.artifactKey, (file) => withFiles(dataFile, file), { signal })
      : withFiles(dataFile)
  const done = ctx.objects.localFile(dataset.object_key, withData, { signal })
  return done.finally(phases.end)
}
