// Reading the registry's rows, and turning them into the contract's documents.
import type { Model, ModelVersion, Signature } from '../../contract/models.ts'
import { fail, notFound } from '../../core/failure.ts'
import type { Row } from '../../ports/db/index.ts'
import type { TxCtx } from '../ctx.ts'
import { highestVersion } from './policy.ts'

/** By id or name. @throws `not_found` MODEL_NOT_FOUND, also for a model of another tenant. */
export async function getModelRow(ctx: TxCtx, idOrName: string): Promise<Row<'models'>> {
  const row = await byReference(ctx, idOrName).executeTakeFirst()
  if (!row) throw notFound('model', idOrName)
  return row
}

/** The same, and nobody else changes the model or its versions until the transaction ends. */
export async function lockModelRow(ctx: TxCtx, idOrName: string): Promise<Row<'models'>> {
  const row = await byReference(ctx, idOrName).forUpdate().executeTakeFirst()
  if (!row) throw notFound('model', idOrName)
  return row
}

/** A model is asked for by id or by name; a name that is the id of another model loses. */
function byReference(ctx: TxCtx, idOrName: string) {
  const models = ctx.db.selectFrom('models').selectAll()
  if (!idOrName.startsWith('model_')) return models.where('name', '=', idOrName)
  return models
    .where((eb) => eb.or([eb('id', '=', idOrName), eb('name', '=', idOrName)]))
    .orderBy((eb) => eb('id', '=', idOrName), 'desc')
    .limit(1)
}

/** @throws `not_found` VERSION_NOT_FOUND. */
export async function getVersionRow(ctx: TxCtx, modelId: string, version: string): Promise<Row<'model_versions'>> {
  const row = await ctx.db
    .selectFrom('model_versions')
    .selectAll()
    .where('model_id', '=', modelId)
    .where('version', '=', version)
    .executeTakeFirst()
  if (!row) throw notFound('version', version)
  return row
}

interface Trained {
  readonly artifact_key: string
  readonly artifact_sha256: string
  readonly signature: Signature
}

export type TrainedVersion = Row<'model_versions'> & Trained

/** Whether there is an artefact to speak of. */
export function isTrained<R extends { readonly [K in keyof Trained]: Trained[K] | null }>(row: R): row is R & Trained {
  return row.artifact_key !== null && row.artifact_sha256 !== null && row.signature !== null
}

/** @throws `conflict` VERSION_NOT_TRAINED while there is no artefact to speak of. */
export function requireTrained(row: Row<'model_versions'>): TrainedVersion {
  if (isTrained(row)) return row
  throw fail('conflict', 'VERSION_NOT_TRAINED', `Version ${row.version} is ${row.status}; it has no model file`)
}

/** Models with what is known of their versions, in three more queries whatever their number. */
export async function modelDocuments(ctx: TxCtx, rows: readonly Row<'models'>[]): Promise<Model[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.id)
  const versions = await ctx.db
    .selectFrom('model_versions')
    .select(['model_id', 'version'])
    .where('model_id', 'in', ids)
    .execute()
  const live = await ctx.db
    .selectFrom('live_versions')
    .select(['model_id', 'environment', 'version'])
    .where('model_id', 'in', ids)
    .orderBy('environment')
    .execute()
  const rollouts = await ctx.db
    .selectFrom('rollouts')
    .select(['model_id', 'environment', 'challenger_version', 'kind', 'strategy', 'started_at'])
    .where('model_id', 'in', ids)
    .where('state', '=', 'running')
    .orderBy('environment')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    tenant_id: row.tenant_id,
    name: row.name,
    description: row.description,
    type: row.type,
    ...(row.target !== null && { target: row.target }),
    metadata: row.metadata,
    latest_version: highestVersion(versions.filter((v) => v.model_id === row.id).map((v) => v.version)),
    deployments: Object.fromEntries(live.filter((l) => l.model_id === row.id).map((l) => [l.environment, l.version])),
    ...runningOf(rollouts.filter((r) => r.model_id === row.id)),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }))
}

type RolloutColumns = 'environment' | 'challenger_version' | 'kind' | 'strategy' | 'started_at'

function runningOf(rows: readonly Pick<Row<'rollouts'>, RolloutColumns>[]): Pick<Model, 'rollouts'> {
  if (rows.length === 0) return {}
  const documents = rows.map((row) => [
    row.environment,
    {
      version: row.challenger_version,
      type: row.kind,
      percent: row.strategy.percent ?? 0,
      started_at: row.started_at.toISOString(),
    },
  ])
  return { rollouts: Object.fromEntries(documents) as NonNullable<Model['rollouts']> }
}

export async function modelDocument(ctx: TxCtx, row: Row<'models'>): Promise<Model> {
  const [document] = await modelDocuments(ctx, [row])
  return document!
}

export function versionDocument(row: Row<'model_versions'>): ModelVersion {
  return {
    model_id: row.model_id,
    version: row.version,
    status: row.status,
    algorithm: row.algorithm,
    hyperparameters: row.hyperparameters,
    metrics: row.metrics,
    artifact_url: row.artifact_key,
    artifact_sha256: row.artifact_sha256,
    signature: row.signature,
    trusted: row.trusted,
    lineage: row.lineage,
    created_at: row.created_at.toISOString(),
    trained_at: row.trained_at?.toISOString() ?? null,
    ...(row.error !== null && { error: row.error.message }),
    ...quantizationOf(row),
  }
}

/** Kept with what else was measured. */
function quantizationOf({ evaluation }: Row<'model_versions'>): Pick<ModelVersion, 'quantization'> {
  const quantization = evaluation?.quantization as ModelVersion['quantization']
  return quantization ? { quantization } : {}
}
