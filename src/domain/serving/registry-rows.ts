// What a replica reads of the registry to follow it: the revision, the live versions, and the roll-outs beside them.
import type { Tx } from '../../ports/db/index.ts'
import { isTrained, servingSettings } from '../models/index.ts'
import type { VersionRecord } from './served-version.ts'
import type { RolloutRow } from './traffic/live-rollout.ts'

export interface LiveRow extends VersionRecord {
  readonly environment: string
}

export async function readRevision(tx: Tx): Promise<number> {
  const row = await tx.selectFrom('serving_revision').select('revision').executeTakeFirst()
  return row?.revision ?? 0
}

export async function readLive(tx: Tx): Promise<LiveRow[]> {
  const rows = await tx
    .selectFrom('live_versions as live')
    .innerJoin('models', 'models.id', 'live.model_id')
    .innerJoin('model_versions as v', (join) =>
      join.onRef('v.model_id', '=', 'live.model_id').onRef('v.version', '=', 'live.version'),
    )
    .select([...LIVE_COLUMNS, ...VERSION_COLUMNS])
    .execute()
  return rows.flatMap((row) => (isTrained(row) ? [{ ...recordOf(row), environment: row.environment }] : []))
}

export interface FoundRollout {
  readonly row: RolloutRow
  readonly challenger: VersionRecord
}

export async function readRollouts(tx: Tx): Promise<FoundRollout[]> {
  const rows = await tx
    .selectFrom('rollouts as live')
    .innerJoin('models', 'models.id', 'live.model_id')
    .innerJoin('model_versions as v', (join) =>
      join.onRef('v.model_id', '=', 'live.model_id').onRef('v.version', '=', 'live.challenger_version'),
    )
    .select([...LIVE_COLUMNS, ...VERSION_COLUMNS])
    .select(['live.id', 'live.challenger_version', 'live.kind', 'live.strategy', 'live.stage'])
    .where('live.state', '=', 'running')
    .execute()
  return rows.flatMap((row) => (isTrained(row) ? [{ row, challenger: recordOf(row) }] : []))
}

const LIVE_COLUMNS = ['live.tenant_id', 'live.environment', 'live.model_id'] as const
const VERSION_COLUMNS = [
  'models.name',
  'models.type',
  'models.metadata',
  'v.version',
  'v.signature',
  'v.artifact_key',
  'v.artifact_sha256',
  'v.algorithm',
  'v.trusted',
] as const

interface VersionColumns {
  readonly tenant_id: string
  readonly model_id: string
  readonly name: string
  readonly type: VersionRecord['modelType']
  readonly version: string
  readonly signature: VersionRecord['signature']
  readonly artifact_key: string
  readonly artifact_sha256: string
  readonly algorithm: string | null
  readonly trusted: boolean
  /** Of the model. */
  readonly metadata: Readonly<Record<string, unknown>>
}

export function recordOf(row: VersionColumns): VersionRecord {
  return {
    tenantId: row.tenant_id,
    modelId: row.model_id,
    modelName: row.name,
    modelType: row.type,
    version: row.version,
    signature: row.signature,
    artifactKey: row.artifact_key,
    sha256: row.artifact_sha256,
    ownGraph: row.algorithm !== null,
    trusted: row.trusted,
    settings: servingSettings(row.metadata),
  }
}
