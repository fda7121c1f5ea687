// Batch jobs and their chunks. The chunks are the queue: a claim takes one row, and every later write about it names the
// attempt, so that a worker that lost its claim can change nothing. `batch_turns` remembers which tenant was served last.
import { type Kysely, sql } from 'kysely'
import { protectTenantTable } from './tenancy.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
  for (const table of ['batch_jobs', 'batch_chunks']) {
    await protectTenantTable(db, table, 'select, insert, update, delete')
  }
}

const STATEMENTS = [
  // No reference to models: a job of a deleted model stays on record, and models written in code have no row.
  `create table batch_jobs (
    id text not null,
    tenant_id text not null check (tenant_id <> ''),
    seq bigint generated always as identity,
    folder text not null,
    model_id text not null,
    version text not null,
    digest text not null,
    sources jsonb not null,
    request jsonb not null,
    output_format text not null,
    status text not null,
    input_count bigint not null,
    processed_count bigint not null default 0,
    failed_count bigint not null default 0,
    chunk_count integer not null,
    done_count integer not null default 0,
    error jsonb,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    finished_at timestamptz,
    primary key (tenant_id, id)
  )`,
  'create index batch_jobs_newest on batch_jobs (tenant_id, seq desc)',
  `create index batch_jobs_open on batch_jobs (tenant_id) where status in ('queued', 'running')`,
  'create index batch_jobs_ended on batch_jobs (finished_at) where finished_at is not null',
  `create table batch_chunks (
    tenant_id text not null check (tenant_id <> ''),
    job_id text not null,
    index integer not null,
    seq bigint generated always as identity,
    source integer not null,
    start_byte bigint not null,
    end_byte bigint not null,
    first_row bigint not null,
    rows integer not null,
    status text not null default 'waiting',
    attempt integer not null default 0,
    failures integer not null default 0,
    lease_until timestamptz,
    available_at timestamptz not null default now(),
    failed_rows integer,
    result_bytes bigint,
    row_errors jsonb,
    primary key (tenant_id, job_id, index),
    foreign key (tenant_id, job_id) references batch_jobs (tenant_id, id) on delete cascade
  )`,
  `create index batch_chunks_waiting on batch_chunks (tenant_id, seq) where status = 'waiting'`,
  `create index batch_chunks_running on batch_chunks (lease_until) where status = 'running'`,
  `create table batch_turns (tenant_id text primary key, turn bigint not null default 0)`,
  'create sequence batch_turn',
]
