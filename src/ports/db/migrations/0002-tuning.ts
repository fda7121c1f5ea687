// What a job has tried while it chose and tuned: kept row by row, so that a job that was interrupted goes on from there.
import { type Kysely, sql } from 'kysely'
import { protectTenantTable } from './tenancy.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  // The reference carries the tenant, as those of 0001 do.
  await sql.raw('alter table training_jobs add constraint training_jobs_tenant unique (tenant_id, id)').execute(db)
  await sql.raw(TRIALS).execute(db)
  await sql.raw('create index training_trials_job on training_trials (job_id, seq)').execute(db)
  await protectTenantTable(db, 'training_trials', 'select, insert')
}

const TRIALS = `create table training_trials (
  seq bigint generated always as identity primary key,
  job_id text not null,
  tenant_id text not null check (tenant_id <> ''),
  attempt integer not null,
  number integer not null,
  trial jsonb not null,
  created_at timestamptz not null default now(),
  unique (job_id, attempt, number),
  foreign key (tenant_id, job_id) references training_jobs (tenant_id, id) on delete cascade
)`
