// Which rows a copy is measured on: those held out when its source was trained, as the stored plan of that training says; a
// dataset that was named; or none, where nothing is known of the data of an imported version.
import type { Input } from '../../../contract/operations/index.ts'
import { Evaluation } from '../../../contract/training.ts'
import { compileCheck } from '../../../core/check.ts'
import { invalid } from '../../../core/failure.ts'
import { findMetric } from '../../../ml/metrics/index.ts'
import type { Row } from '../../../ports/db/index.ts'
import type { TxCtx } from '../../ctx.ts'
import { getDatasetRow } from '../../datasets/index.ts'
import { columnsOf, type TrainedVersion } from '../../models/index.ts'
import type { TrainingSpec } from '../pipeline/spec.ts'
import type { TrainingPlan } from '../policy.ts'

export interface RowsPlan {
  readonly dataset: Row<'datasets'>
  readonly columns: readonly string[]
  readonly heldOut: boolean
  readonly training: Pick<TrainingSpec, 'modelType' | 'target' | 'features' | 'evaluation'>
}

export interface Source {
  readonly model: Row<'models'>
  readonly version: TrainedVersion
}

/** @throws `invalid` when a dataset was named that does not fit the model. */
export async function planRows(
  ctx: TxCtx,
  source: Source,
  input: Input<'versions.quantize'>,
): Promise<RowsPlan | undefined> {
  const metric = input.promotion ? input.promotion.metric : undefined
  checkMetric(metric, source.model)
  const named = input.dataset_id === undefined ? undefined : await getDatasetRow(ctx, input.dataset_id)
  if (named) return fromDataset(named, source, metric)
  const { dataset_id, training_job_id } = source.version.lineage
  if (dataset_id === null || training_job_id === null) return undefined
  const dataset = await ctx.db.selectFrom('datasets').selectAll().where('id', '=', dataset_id).executeTakeFirst()
  const job = await ctx.db
    .selectFrom('training_jobs')
    .select('request')
    .where('id', '=', training_job_id)
    .executeTakeFirst()
  if (!dataset || !job) return undefined
  const { plan } = job.request as unknown as { plan: TrainingPlan }
  const wanted = metric ?? plan.promotion?.metric ?? plan.evaluation.metric
  return {
    dataset,
    columns: source.version.signature.inputs.map(({ name }) => name),
    heldOut: true,
    training: {
      modelType: plan.modelType,
      target: plan.target,
      features: plan.features,
      evaluation: { ...plan.evaluation, ...(wanted && { metric: wanted }) },
    },
  }
}

function checkMetric(metric: string | undefined, { type }: Row<'models'>): void {
  if (metric === undefined || findMetric(metric)?.task === type) return
  const message = findMetric(metric) ? `is no metric of ${type}` : 'is not a known metric'
  throw invalid('request', [{ field: 'promotion.metric', message, value: metric }])
}

const fill = compileCheck(Evaluation)

function fromDataset(dataset: Row<'datasets'>, { model, version }: Source, metric: string | undefined): RowsPlan {
  const { type } = model
  if (type !== 'classification' && type !== 'regression') {
    const message = `cannot be given for a ${type} model: how good its answers are is not known here`
    throw invalid('request', [{ field: 'dataset_id', message }])
  }
  const target = dataset.target ?? model.target
  if (target === null) throw invalid('request', [{ field: 'dataset_id', message: 'must be a dataset with a target' }])
  const columns = columnsOf({ columns: [...dataset.columns], target }, version.signature.inputs)
  const evaluation = { ...(metric !== undefined && { metric }) }
  fill(evaluation)
  return {
    dataset,
    columns,
    heldOut: false,
    training: { modelType: type, target, features: columns, evaluation: evaluation as Evaluation },
  }
}
