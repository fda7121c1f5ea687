// The first schema. Tenants are kept apart by the database: every tenant's statement runs as the role modelyard_tenant,
// and row-level security shows that role only the rows of `modelyard.tenant`. The owner of the tables, which the service
// itself works as, is not subject to it (no FORCE), so that the relay and the workers see every tenant.
import { type Kysely, sql } from 'kysely'
import { createTenantRole, protectTenantTable } from './tenancy.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  await createTenantRole(db)
  for (const statement of [...REGISTRY, ...TRAINING, ...SERVING, ...MESSAGING]) await sql.raw(statement).execute(db)
  for (const table of READ_WRITE) await protectTenantTable(db, table, 'select, insert, update, delete')
  for (const table of APPEND_ONLY) await protectTenantTable(db, table, 'select, insert')
  await sql.raw(SERVING_REVISION).execute(db)
}

const READ_WRITE = [
  'models',
  'model_versions',
  'datasets',
  'training_jobs',
  'live_versions',
  'idempotency_keys',
  'predictions',
  'feedback',
]
const APPEND_ONLY = ['deployments', 'outbox']

const TENANT_ID = `tenant_id text not null check (tenant_id <> '')`
// References carry the tenant, so that a row can never point at another tenant's row: foreign keys ignore row security.
const OF_MODEL = 'foreign key (tenant_id, model_id) references models (tenant_id, id) on delete cascade'

const REGISTRY = [
  `create table datasets (
    id text primary key,
    ${TENANT_ID},
    name text not null,
    rows bigint not null,
    columns jsonb not null,
    target text,
    contract jsonb not null,
    format text not null,
    sha256 text not null,
    size_bytes bigint not null,
    object_key text not null,
    reading jsonb not null,
    created_at timestamptz not null default now()
  )`,
  'create index datasets_newest on datasets (tenant_id, created_at desc, id desc)',
  `create table models (
    id text primary key,
    ${TENANT_ID},
    name text not null,
    description text,
    type text not null,
    target text,
    metadata jsonb not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null,
    constraint models_name unique (tenant_id, name),
    constraint models_tenant unique (tenant_id, id)
  )`,
  'create index models_newest on models (tenant_id, created_at desc, id desc)',
  `create table model_versions (
    model_id text not null,
    version text not null,
    ${TENANT_ID},
    status text not null,
    algorithm text,
    hyperparameters jsonb not null,
    metrics jsonb not null,
    evaluation jsonb,
    artifact_key text,
    artifact_sha256 text,
    artifact_bytes bigint,
    signature jsonb,
    lineage jsonb not null,
    metadata jsonb,
    error jsonb,
    created_at timestamptz not null default now(),
    trained_at timestamptz,
    primary key (model_id, version),
    constraint model_versions_tenant unique (tenant_id, model_id, version),
    ${OF_MODEL}
  )`,
]

const TRAINING = [
  // No reference to datasets: with force a dataset may be deleted while the job that read it stays on record.
  `create table training_jobs (
    id text primary key,
    ${TENANT_ID},
    model_id text not null,
    version text not null,
    dataset_id text not null,
    request jsonb not null,
    hyperparameters jsonb not null,
    status text not null,
    progress double precision not null default 0,
    stage text not null default '',
    message text not null default '',
    error jsonb,
    attempt integer not null default 0,
    cancel_requested boolean not null default false,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    heartbeat_at timestamptz,
    ${OF_MODEL}
  )`,
  'create index training_jobs_newest on training_jobs (tenant_id, created_at desc, id desc)',
  'create index training_jobs_model on training_jobs (model_id, version)',
  `create index training_jobs_open on training_jobs (status) where status in ('queued', 'running')`,
]

const SERVING = [
  `create table deployments (
    id text primary key,
    seq bigint generated always as identity,
    ${TENANT_ID},
    model_id text not null,
    environment text not null,
    version text not null,
    from_version text,
    action text not null check (action in ('promote', 'deploy', 'rollback', 'undeploy')),
    strategy jsonb not null,
    actor text not null,
    reason text not null,
    created_at timestamptz not null default now(),
    ${OF_MODEL}
  )`,
  'create index deployments_history on deployments (model_id, seq desc)',
  `create function modelyard_keep_history() returns trigger language plpgsql as $$
  begin
    -- A cascade from models arrives from inside another trigger.
    if tg_op = 'DELETE' and pg_trigger_depth() > 1 then return old; end if;
    raise exception 'deployments is append-only' using errcode = 'restrict_violation';
  end $$`,
  `create trigger deployments_append_only before update or delete on deployments
    for each row execute function modelyard_keep_history()`,
  `create table live_versions (
    ${TENANT_ID},
    model_id text not null,
    environment text not null,
    version text not null,
    strategy jsonb not null,
    previous_version text,
    pointer_version text,
    updated_at timestamptz not null,
    primary key (model_id, environment),
    ${OF_MODEL},
    foreign key (tenant_id, model_id, version) references model_versions (tenant_id, model_id, version)
  )`,
  // No reference to models: the log is written in batches afterwards, and one deleted model must not lose a batch.
  `create table predictions (
    id text primary key,
    ${TENANT_ID},
    model_id text not null,
    version text not null,
    environment text,
    input jsonb not null,
    output jsonb not null,
    latency_ms double precision not null,
    request_id text,
    created_at timestamptz not null default now(),
    constraint predictions_tenant unique (tenant_id, id)
  )`,
  'create index predictions_of_model on predictions (tenant_id, model_id, created_at)',
  `create table feedback (
    prediction_id text primary key,
    ${TENANT_ID},
    actual jsonb not null,
    created_at timestamptz not null default now(),
    foreign key (tenant_id, prediction_id) references predictions (tenant_id, id) on delete cascade
  )`,
]

const MESSAGING = [
  `create table idempotency_keys (
    ${TENANT_ID},
    key text not null,
    operation text not null,
    request_sha256 text not null,
    status integer,
    reply jsonb,
    created_at timestamptz not null default now(),
    primary key (tenant_id, key)
  )`,
  'create index idempotency_keys_age on idempotency_keys (created_at)',
  `create table outbox (
    seq bigint generated always as identity primary key,
    id text not null unique,
    ${TENANT_ID},
    subject text not null,
    event jsonb not null,
    created_at timestamptz not null default now(),
    published_at timestamptz
  )`,
  'create index outbox_waiting on outbox (seq) where published_at is null',
  'create index outbox_done on outbox (published_at) where published_at is not null',
]

// One row whose lock puts changes of what is served in the order of their commits: replicas poll this one number.
const SERVING_REVISION = `
  create table serving_revision (id smallint primary key check (id = 1), revision bigint not null);
  insert into serving_revision values (1, 0);
  grant select on serving_revision to modelyard_tenant;
  create function modelyard_bump_revision() returns bigint
    language sql security definer set search_path from current
    as 'update serving_revision set revision = revision + 1 where id = 1 returning revision';
  revoke all on function modelyard_bump_revision() from public;
  grant execute on function modelyard_bump_revision() to modelyard_tenant`
