// A finished training becomes a version. The files are stored first, under names that only this version has, and never over those of
// another attempt; then one transaction makes it visible, decides the gate and makes it live. A crash before it leaves files nobody
// refers to.
import { createReadStream } from 'node:fs'
import type { StoredEvaluation } from '../../contract/evaluation.ts'
import type { Lineage, VersionMetadata } from '../../contract/models.ts'
import { fail } from '../../core/failure.ts'
import { json, type Row, wake } from '../../ports/db/index.ts'
import type { ObjectBody } from '../../ports/objects/index.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { emit } from '../events.ts'
import {
  artifactKey,
  explainerKey,
  explanationKey,
  featureSchemaVersion,
  getModelRow,
  lockModelRow,
  makeLive,
  metadataKey,
  storeVersionFile,
} from '../models/index.ts'
import { type ChampionSource, championVersion } from './champion.ts'
import { familiarWarnings } from './familiar.ts'
import { decideGate, type GateDecision, gateReport } from './gate.ts'
import type { TrainingOutcome } from './pipeline/spec.ts'
import type { PlannedPromotion } from './policy.ts'
import { type JobRow, lockJobRow } from './store.ts'

export interface Registration {
  readonly ctx: Ctx
  readonly row: JobRow
  /** Null: it is never made live. */
  readonly promotion: PlannedPromotion | null
  /** The name of the dataset, or what else it learned from, in words. */
  readonly learnsFrom: string
  readonly outcome: TrainingOutcome
  readonly champion: ChampionSource | undefined
}

/** False when another version went live meanwhile, so that the comparison no longer holds and nothing was written. */
export async function registerOutcome(registration: Registration): Promise<boolean> {
  const { ctx, row, outcome } = registration
  const model = await inTransaction(ctx, (ctx) => getModelRow(ctx, row.model_id))
  const metadata = metadataOf(registration, model)
  const { tenant_id, model_id, version } = row
  const stillMine = () => inTransaction(ctx, (ctx) => requireClaim(ctx, row))
  const store = (key: string, body: () => ObjectBody) => storeVersionFile(ctx.objects, { key, body, stillMine })
  const stored = await store(artifactKey(tenant_id, model_id, version), () => createReadStream(outcome.artifact.path))
  if (stored.sha256 !== outcome.artifact.sha256) {
    throw fail('unavailable', 'ARTIFACT_DAMAGED', 'The model file changed on its way into the artefact store')
  }
  await store(metadataKey(tenant_id, model_id, version), () => Buffer.from(JSON.stringify(metadata, null, 2)))
  const { path, explainer } = outcome.explanation ?? {}
  if (path) await store(explanationKey(tenant_id, model_id, version), () => createReadStream(path))
  if (explainer) await store(explainerKey(tenant_id, model_id, version), () => createReadStream(explainer))
  return inTransaction(ctx, (ctx) => register(ctx, registration, metadata))
}

/** @throws `conflict` JOB_TAKEN_OVER: another attempt works on the job, or nobody any more. */
async function requireClaim(ctx: TxCtx, { id, attempt }: JobRow): Promise<JobRow> {
  const job = await lockJobRow(ctx, id)
  if (job.attempt === attempt && job.status === 'running') return job
  throw fail('conflict', 'JOB_TAKEN_OVER', `Job ${id} is no longer this worker's`)
}

function metadataOf({ ctx, row, learnsFrom, outcome }: Registration, model: Row<'models'>): VersionMetadata {
  return {
    model_version_id: `${row.model_id}:${row.version}`,
    model_name: model.name,
    model_type: model.type,
    metric: { name: outcome.gateMetric.name, value: outcome.gateMetric.value },
    training_data_file: learnsFrom,
    trained_at: ctx.clock.now().toISOString(),
    feature_schema_version: featureSchemaVersion(outcome.signature),
    schema_version: 1,
    signature: outcome.signature,
  }
}

async function register(ctx: TxCtx, registration: Registration, metadata: VersionMetadata): Promise<boolean> {
  const { row, promotion, outcome, champion } = registration
  const model = await lockModelRow(ctx, row.model_id)
  const job = await requireClaim(ctx, row)
  if (job.cancel_requested) throw fail('conflict', 'TRAINING_CANCELLED', 'Cancelled')
  if ((await championVersion(ctx, row, promotion)) !== (champion?.version ?? null)) return false
  const gate: GateDecision = promotion
    ? decideGate(outcome.gateMetric, outcome.champion, promotion)
    : { promote: false, reason: 'promotion was switched off' }
  await storeVersion(ctx, registration, { metadata, rejected: promotion !== null && !gate.promote, gate })
  await announceTrained(ctx, registration)
  if (promotion && gate.promote) {
    const change = { version: row.version, environment: promotion.environment, reason: gate.reason }
    await makeLive(ctx, model, { ...change, action: 'promote' })
  } else if (promotion) {
    await emit(ctx, {
      type: 'ml.model.rejected',
      subject: model.id,
      data: { model_id: model.id, model_name: model.name, version: row.version, reason: gate.reason },
    })
  }
  await ctx.db
    .updateTable('training_jobs')
    .set({
      status: 'succeeded',
      progress: 1,
      stage: 'succeeded',
      message: sentence(row.version, promotion, gate),
      finished_at: ctx.clock.now(),
    })
    .where('id', '=', row.id)
    .execute()
  wake(ctx.db, 'progress')
  ctx.metrics.trainingJobs.inc({ status: 'succeeded' })
  return true
}

interface Verdict {
  readonly metadata: VersionMetadata
  readonly rejected: boolean
  readonly gate: GateDecision
}

async function storeVersion(ctx: TxCtx, registration: Registration, verdict: Verdict): Promise<void> {
  const { row, outcome } = registration
  const { metadata, rejected, gate } = verdict
  const { lineage } = await ctx.db
    .selectFrom('model_versions')
    .select('lineage')
    .where('model_id', '=', row.model_id)
    .where('version', '=', row.version)
    .executeTakeFirstOrThrow()
  const complete: Lineage = {
    ...lineage,
    parent_version: registration.champion?.version ?? lineage.parent_version,
    environment: outcome.environment,
  }
  const stored: StoredEvaluation = {
    ...outcome.evaluation,
    gate: gateReport(gate, outcome.gateMetric, outcome.champion),
    warnings: [...outcome.warnings, ...familiarity(registration)],
  }
  await ctx.db
    .updateTable('model_versions')
    .set({
      status: rejected ? 'rejected' : 'trained',
      algorithm: outcome.algorithm,
      hyperparameters: json(outcome.hyperparameters),
      metrics: json(outcome.metrics),
      evaluation: json({
        ...stored,
        featureNames: outcome.featureNames,
        trainedRows: outcome.trainedRows,
        heldOutRows: outcome.heldOutRows,
        durations: outcome.durations,
      }),
      artifact_key: artifactKey(row.tenant_id, row.model_id, row.version),
      artifact_sha256: outcome.artifact.sha256,
      artifact_bytes: outcome.artifact.bytes,
      signature: json(outcome.signature),
      lineage: json(complete),
      metadata: json(metadata),
      trained_at: metadata.trained_at,
      ...(rejected && { error: json({ code: 'NOT_BETTER', message: gate.reason }) }),
    })
    .where('model_id', '=', row.model_id)
    .where('version', '=', row.version)
    .execute()
}

function familiarity({ row, outcome, champion }: Registration): string[] {
  if (!champion || row.dataset_id === null) return []
  const judged = { dataset_id: row.dataset_id, split: outcome.evaluation.split }
  return familiarWarnings({ version: champion.version, ...champion.learned }, judged)
}

async function announceTrained(ctx: TxCtx, { row, outcome }: Registration): Promise<void> {
  const data = { model_id: row.model_id, version: row.version, job_id: row.id, metrics: outcome.metrics }
  await emit(ctx, { type: 'ml.training.completed', subject: row.id, data })
  await emit(ctx, { type: 'ml.model.trained', subject: row.model_id, data })
}

function sentence(version: string, promotion: PlannedPromotion | null, gate: GateDecision): string {
  if (!promotion) return `Version ${version} is trained; ${gate.reason}`
  const outcome = gate.promote ? `is live in "${promotion.environment}"` : 'was not promoted'
  return `Version ${version} ${outcome}: ${gate.reason}`
}
