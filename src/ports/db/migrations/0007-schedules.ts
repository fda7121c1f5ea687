// Schedules and their runs. A run is a row written in the transaction that moves the schedule's clock on, or in that of the
// event: `unique` is what keeps two replicas from starting the same one.
import { type Kysely, sql } from 'kysely'
import { protectTenantTable } from './tenancy.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
  for (const table of ['schedules', 'schedule_runs']) {
    await protectTenantTable(db, table, 'select, insert, update, delete')
  }
}

const STATEMENTS = [
  `create table schedules (
    id text primary key,
    tenant_id text not null check (tenant_id <> ''),
    name text not null,
    operation text not null,
    input jsonb not null,
    dataset_name text,
    cron text,
    time_zone text not null,
    event_type text,
    event_match jsonb not null,
    event_take jsonb not null,
    active boolean not null,
    next_run_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null,
    constraint schedules_tenant unique (tenant_id, id)
  )`,
  `create table schedule_runs (
    id text primary key,
    tenant_id text not null check (tenant_id <> ''),
    schedule_id text not null,
    due_at timestamptz not null,
    event_id text,
    by_clock boolean not null default false,
    input jsonb not null,
    depth integer not null default 0,
    status text not null default 'waiting',
    attempts integer not null default 0,
    next_attempt_at timestamptz,
    job_id text,
    error text,
    created_at timestamptz not null default now(),
    started_at timestamptz,
    foreign key (tenant_id, schedule_id) references schedules (tenant_id, id) on delete cascade
  )`,
  'create unique index schedule_runs_once_a_time on schedule_runs (schedule_id, due_at) where by_clock',
  'create unique index schedule_runs_once_an_event on schedule_runs (schedule_id, event_id) where event_id is not null',
  'create index schedules_due on schedules (next_run_at) where active and next_run_at is not null',
  'create index schedules_events on schedules (tenant_id, event_type) where active and event_type is not null',
  `create index schedule_runs_waiting on schedule_runs (next_attempt_at) where status = 'waiting'`,
  'create index schedule_runs_log on schedule_runs (schedule_id, id desc)',
  'create index schedule_runs_age on schedule_runs (created_at)',
]
