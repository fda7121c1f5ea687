// One row of a tenant in every table that has tenants.
import { json, type Tx } from '../../src/ports/db/index.ts'
import { aDataset, addModel, aModel } from './db-backends.ts'

/** One row of the tenant in every table. */
export async function fill(tx: Tx, tenant_id: string): Promise<void> {
  const model = `model_${tenant_id}`
  const at = '2024-01-01T00:00:00Z'
  const strategy = json({ type: 'all' })
  const prediction = `pred_of_${tenant_id}`
  await addModel(tx, tenant_id, model)
  await tx
    .insertInto('models')
    .values(aModel(tenant_id, `${model}_2`))
    .execute()
  const version = { tenant_id, model_id: model, version: '1.0.0' }
  const empty = json({})
  await tx
    .insertInto('model_versions')
    .values({ ...version, status: 'trained', hyperparameters: empty, metrics: empty, lineage: empty })
    .execute()
  await tx
    .insertInto('datasets')
    .values(aDataset(tenant_id, `dataset_${tenant_id}`))
    .execute()
  await tx
    .insertInto('training_jobs')
    .values({
      ...version,
      id: `job_${tenant_id}`,
      dataset_id: '',
      request: empty,
      hyperparameters: empty,
      status: 'queued',
    })
    .execute()
  await tx
    .insertInto('deployments')
    .values({
      ...version,
      id: `dep_${tenant_id}`,
      environment: 'production',
      action: 'deploy',
      strategy,
      actor: 'me',
      reason: '',
    })
    .execute()
  await tx
    .insertInto('live_versions')
    .values({ ...version, environment: 'production', strategy, updated_at: at })
    .execute()
  await tx
    .insertInto('rollouts')
    .values({
      tenant_id,
      model_id: model,
      id: `rollout_${tenant_id}`,
      environment: 'production',
      champion_version: '1.0.0',
      challenger_version: '1.0.0',
      kind: 'canary',
      strategy,
      state: 'running',
      stage: 1,
      stage_at: at,
      actor: 'me',
      reason: '',
      started_at: at,
    })
    .execute()
  const counts = {
    replica: 'one',
    arm: 'champion',
    ready: true,
    requests: 0,
    errors: 0,
    latency: empty,
    updated_at: at,
  }
  await tx
    .insertInto('rollout_counts')
    .values({ tenant_id, rollout_id: `rollout_${tenant_id}`, stage: 1, ...counts })
    .execute()
  await tx
    .insertInto('idempotency_keys')
    .values({ tenant_id, key: 'k', operation: 'o', request_sha256: '', holder: 'test', held_until: new Date() })
    .execute()
  await tx
    .insertInto('predictions')
    .values(
      [prediction, `${prediction}_2`].map((id) => ({ ...version, id, input: empty, output: empty, latency_ms: 1 })),
    )
    .execute()
  await tx
    .insertInto('feedback')
    .values({ prediction_id: prediction, tenant_id, actual: json(1) })
    .execute()
  await tx
    .insertInto('outbox')
    .values({ id: `evt_${tenant_id}`, tenant_id, subject: 's', event: empty })
    .execute()
  await tx
    .insertInto('training_trials')
    .values({ tenant_id, job_id: `job_${tenant_id}`, attempt: 1, number: 1, trial: empty })
    .execute()
  await fillBatch(tx, tenant_id)
  await fillFeatures(tx, tenant_id)
  await fillSchedules(tx, tenant_id)
  await tx
    .insertInto('webhooks')
    .values({
      tenant_id,
      id: `hook_${tenant_id}`,
      url: 'https://example.org',
      events: json([]),
      old_secrets: json([]),
      secret: 's',
      updated_at: at,
    })
    .execute()
  await tx
    .insertInto('webhook_deliveries')
    .values({
      tenant_id,
      id: `delivery_${tenant_id}`,
      webhook_id: `hook_${tenant_id}`,
      event_id: 'e',
      event_type: 't',
      payload: empty,
    })
    .execute()
}

async function fillSchedules(tx: Tx, tenant_id: string): Promise<void> {
  const at = '2024-01-01T00:00:00Z'
  const id = `schedule_${tenant_id}`
  await tx
    .insertInto('schedules')
    .values({
      tenant_id,
      id,
      name: 'nightly',
      operation: 'models.train',
      input: json({}),
      time_zone: 'UTC',
      event_match: json({}),
      event_take: json({}),
      active: true,
      updated_at: at,
    })
    .execute()
  await tx
    .insertInto('schedule_runs')
    .values({ tenant_id, id: `run_${tenant_id}`, schedule_id: id, due_at: at, input: json({}) })
    .execute()
}

async function fillBatch(tx: Tx, tenant_id: string): Promise<void> {
  await tx
    .insertInto('batch_jobs')
    .values({
      tenant_id,
      id: 'one',
      folder: 'f',
      model_id: 'm',
      version: '1.0.0',
      digest: '',
      sources: json([]),
      request: json({}),
      output_format: 'jsonl',
      status: 'queued',
      input_count: 1,
      chunk_count: 1,
    })
    .execute()
  const bytes = { start_byte: 0, end_byte: 1, first_row: 0, rows: 1 }
  await tx
    .insertInto('batch_chunks')
    .values({ tenant_id, job_id: 'one', index: 0, source: 0, ...bytes })
    .execute()
}

async function fillFeatures(tx: Tx, tenant_id: string): Promise<void> {
  const at = '2024-01-01T00:00:00Z'
  const entity = { tenant_id, entity_type: 'user', entity_id: 'u' }
  await tx
    .insertInto('entity_types')
    .values({ tenant_id, name: 'user', features: json([]), updated_at: at })
    .execute()
  await tx
    .insertInto('feature_history')
    .values({ ...entity, observed_at: at, features: json({}) })
    .execute()
  await tx
    .insertInto('feature_states')
    .values({ ...entity, state: json({}) })
    .execute()
  await tx.insertInto('interactions').values({ tenant_id, id: 'i', user_id: 'u', event: 'viewed', at }).execute()
}
