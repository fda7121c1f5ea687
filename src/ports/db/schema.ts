// The tables, as the queries see them. `test/ports/db-drift.test.ts` holds them against the migrated database.
// bigint columns read as numbers: counts and sizes here stay far below 2^53.
import type { Generated, GeneratedAlways, Insertable, Selectable } from 'kysely'
import type { BatchFormat, BatchRowError } from '../../contract/batch.ts'
import type { ColumnProfile, DataContract } from '../../contract/datasets.ts'
import type { Trial } from '../../contract/evaluation.ts'
import type {
  Deployment,
  Lineage,
  ModelType,
  Signature,
  VersionMetadata,
  VersionStatus,
} from '../../contract/models.ts'
import type { Strategy } from '../../contract/strategy.ts'
import type { JobStatus } from '../../contract/training.ts'
import type { CreatedAt, Free, Json, NullableJson, NullableTimestamp, StoredError, Timestamp } from './column-types.ts'
import type { EntityTypesTable, FeatureHistoryTable, FeatureStatesTable, InteractionsTable } from './schema-features.ts'
import type { RolloutCountsTable, RolloutsTable } from './schema-rollouts.ts'
import type { ScheduleRunsTable, SchedulesTable } from './schema-schedules.ts'
import type { WebhookDeliveriesTable, WebhooksTable } from './schema-webhooks.ts'

export interface ModelsTable {
  id: string
  tenant_id: string
  name: string
  description: string | null
  type: ModelType
  target: string | null
  metadata: Json<Free>
  created_at: CreatedAt
  updated_at: Timestamp
}

export interface ModelVersionsTable {
  model_id: string
  version: string
  tenant_id: string
  status: VersionStatus
  algorithm: string | null
  hyperparameters: Json<Free>
  metrics: Json<Readonly<Record<string, number>>>
  /** Everything about the measurement that the figures alone do not say: split, seed, thresholds, per-class figures. */
  evaluation: NullableJson<Free>
  artifact_key: string | null
  artifact_sha256: string | null
  artifact_bytes: number | null
  /** Whether its file may run among our own. */
  trusted: Generated<boolean>
  signature: NullableJson<Signature>
  lineage: Json<Lineage>
  /** The `metadata.json` beside the artefact. */
  metadata: NullableJson<VersionMetadata>
  error: NullableJson<StoredError>
  created_at: CreatedAt
  trained_at: NullableTimestamp
}

export interface DatasetsTable {
  id: string
  tenant_id: string
  name: string
  rows: number
  columns: Json<readonly ColumnProfile[]>
  target: string | null
  contract: Json<DataContract>
  format: string
  sha256: string
  size_bytes: number
  object_key: string
  /** How the file is read: the document the tables module made when the file was inspected. */
  reading: Json<Free>
  created_at: CreatedAt
}

export interface TrainingJobsTable {
  id: string
  tenant_id: string
  model_id: string
  version: string
  /** Null where it does not learn from a dataset. */
  dataset_id: string | null
  /** What was asked for with its defaults filled in, by whom, and in which request. */
  request: Json<Free>
  hyperparameters: Json<Free>
  status: JobStatus
  progress: Generated<number>
  stage: Generated<string>
  message: Generated<string>
  error: NullableJson<StoredError>
  attempt: Generated<number>
  cancel_requested: Generated<boolean>
  created_at: CreatedAt
  started_at: NullableTimestamp
  finished_at: NullableTimestamp
  heartbeat_at: NullableTimestamp
}

/** One configuration that a job has tried. */
export interface TrainingTrialsTable {
  /** Order of storing. */
  seq: GeneratedAlways<number>
  job_id: string
  tenant_id: string
  attempt: number
  number: number
  trial: Json<Trial>
  created_at: CreatedAt
}

/** Append-only: the database refuses UPDATE, and DELETE other than with the model. */
export interface DeploymentsTable {
  id: string
  /** Order of the history. */
  seq: GeneratedAlways<number>
  tenant_id: string
  model_id: string
  environment: string
  /** The version that went live. */
  version: string
  from_version: string | null
  action: Deployment['action']
  strategy: Json<Strategy>
  actor: string
  reason: string
  created_at: CreatedAt
}

export interface LiveVersionsTable {
  tenant_id: string
  model_id: string
  environment: string
  version: string
  strategy: Json<Strategy>
  previous_version: string | null
  /** The version that the file CURRENT was last made to name; production only. */
  pointer_version: string | null
  updated_at: Timestamp
}

export interface IdempotencyKeysTable {
  tenant_id: string
  key: string
  operation: string
  request_sha256: string
  /** Null until the first request with this key has been answered. */
  status: number | null
  reply: NullableJson<unknown>
  created_at: CreatedAt
  holder: string
  held_until: Timestamp
}

export interface PredictionsTable {
  id: string
  tenant_id: string
  model_id: string
  version: string
  environment: string | null
  input: Json<unknown>
  output: Json<unknown>
  latency_ms: number
  request_id: string | null
  rollout_id: string | null
  arm: string | null
  created_at: CreatedAt
}

export interface FeedbackTable {
  prediction_id: string
  tenant_id: string
  actual: Json<unknown>
  created_at: CreatedAt
}

export interface OutboxTable {
  seq: GeneratedAlways<number>
  id: string
  tenant_id: string
  subject: string
  event: Json<Free>
  created_at: CreatedAt
  published_at: NullableTimestamp
}

export interface BatchJobsTable {
  id: string
  tenant_id: string
  /** Order of the list: ids may be the caller's own. */
  seq: GeneratedAlways<number>
  /** Of its objects. */
  folder: string
  model_id: string
  version: string
  /** Of what was asked for: the same id with another digest is another job. */
  digest: string
  /** The files its rows lie in. */
  sources: Json<readonly Free[]>
  /** What else was asked for, by whom, and in which request. */
  request: Json<Free>
  output_format: BatchFormat
  status: JobStatus
  input_count: number
  processed_count: Generated<number>
  failed_count: Generated<number>
  chunk_count: number
  done_count: Generated<number>
  error: NullableJson<StoredError>
  created_at: CreatedAt
  started_at: NullableTimestamp
  finished_at: NullableTimestamp
}

/** The queue of batch jobs: rows of a source, by their bytes. */
export interface BatchChunksTable {
  tenant_id: string
  job_id: string
  index: number
  seq: GeneratedAlways<number>
  /** Index among the sources of the job. */
  source: number
  start_byte: number
  end_byte: number
  first_row: number
  rows: number
  status: Generated<'waiting' | 'running' | 'done'>
  /** Rises with every claim; names the worker's right to write. */
  attempt: Generated<number>
  /** Of its own. */
  failures: Generated<number>
  lease_until: NullableTimestamp
  available_at: CreatedAt
  failed_rows: number | null
  result_bytes: number | null
  row_errors: NullableJson<readonly BatchRowError[]>
  /** Workers that died over it. */
  deaths: Generated<number>
  /** Of something else that was away. */
  outages: Generated<number>
}

/** Which tenant was served last; the service's own. */
export interface BatchTurnsTable {
  tenant_id: string
  turn: Generated<number>
}

/** One row. Tenants raise it with `bumpServingRevision`. */
export interface ServingRevisionTable {
  id: number
  revision: number
}

export interface Schema {
  models: ModelsTable
  model_versions: ModelVersionsTable
  datasets: DatasetsTable
  training_jobs: TrainingJobsTable
  training_trials: TrainingTrialsTable
  deployments: DeploymentsTable
  live_versions: LiveVersionsTable
  rollouts: RolloutsTable
  rollout_counts: RolloutCountsTable
  idempotency_keys: IdempotencyKeysTable
  predictions: PredictionsTable
  feedback: FeedbackTable
  outbox: OutboxTable
  entity_types: EntityTypesTable
  feature_history: FeatureHistoryTable
  feature_states: FeatureStatesTable
  interactions: InteractionsTable
  batch_jobs: BatchJobsTable
  batch_chunks: BatchChunksTable
  batch_turns: BatchTurnsTable
  webhooks: WebhooksTable
  schedules: SchedulesTable
  schedule_runs: ScheduleRunsTable
  webhook_deliveries: WebhookDeliveriesTable
  serving_revision: ServingRevisionTable
}

export type Row<T extends keyof Schema> = Selectable<Schema[T]>
export type NewRow<T extends keyof Schema> = Insertable<Schema[T]>
