// Reading the registry's rows, and turning them into the contract's documents.

import { sql } from 'kysely'
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

/** What a model's document needs besides its row, read in the same statement: a model is asked for more often than anything. */
export const WITH_STATE = [
  sql<readonly string[]>`coalesce((select jsonb_agg(version) from model_versions where model_id = models.id), '[]')`.as(
    'versions',
  ),
  sql<Readonly<Record<string, string>>>`coalesce((
    select jsonb_object_agg(environment, version) from live_versions where model_id = models.id), '{}')`.as('live'),
  sql<readonly Running[]>`coalesce((
    select jsonb_agg(jsonb_build_object('environment', environment, 'version', challenger_version, 'type', kind,
      'percent', coalesce(strategy -> 'percent', '0'), 'started_at', started_at) order by environment)
    from rollouts where model_id = models.id and state = 'running'), '[]')`.as('running'),
] as const

type Running = NonNullable<Model['rollouts']>[string] & { readonly environment: string }

export type ModelWithState = Row<'models'> & {
  readonly versions: readonly string[]
  readonly live: Readonly<Record<string, string>>
  readonly running: readonly Running[]
}

/** By id or name. @throws `not_found` MODEL_NOT_FOUND. */
export async function getModelWithState(ctx: TxCtx, idOrName: string): Promise<ModelWithState> {
  const row = await byReference(ctx, idOrName).select(WITH_STATE).executeTakeFirst()
  if (!row) throw notFound('model', idOrName)
  return row
}

export function modelDocument(row: ModelWithState): Model {
  const sorted = Object.entries(row.live).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return {
    id: row.id,
    tenant_id: row.tenant_id,
    name: row.name,
    description: row.description,
    type: row.type,
    ...(row.target !== null && { target: row.target }),
    metadata: row.metadata,
    latest_version: highestVersion(row.versions),
    deployments: Object.fromEntries(sorted),
    ...(row.running.length > 0 && { rollouts: rolloutsOf(row.running) }),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}

function rolloutsOf(running: readonly Running[]): NonNullable<Model['rollouts']> {
  return Object.fromEntries(
    running.map(({ environment, started_at, ...rollout }) => [
      environment,
      { ...rollout, started_at: new Date(started_at).toISOString() },
    ]),
  )
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
