// Roll-outs: two versions of a model side by side in an environment, and what each replica has counted of them. A replica
// overwrites only its own rows, with totals, so that writing twice does no harm.
import { type Kysely, sql } from 'kysely'
import { protectTenantTable } from './tenancy.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
  for (const table of ['rollouts', 'rollout_counts']) {
    await protectTenantTable(db, table, 'select, insert, update, delete')
  }
}

const TENANT_ID = `tenant_id text not null check (tenant_id <> '')`
const version = (column: string) =>
  `foreign key (tenant_id, model_id, ${column}) references model_versions (tenant_id, model_id, version) on delete cascade`

const STATEMENTS = [
  `create table rollouts (
    id text primary key,
    ${TENANT_ID},
    model_id text not null,
    environment text not null,
    champion_version text not null,
    challenger_version text not null,
    kind text not null check (kind in ('canary', 'shadow')),
    strategy jsonb not null,
    state text not null check (state in ('running', 'promoted', 'rolled_back', 'superseded')),
    stage integer not null,
    stage_at timestamptz not null,
    ready_at timestamptz,
    baked_at timestamptz,
    judged_at timestamptz,
    ended_at timestamptz,
    actor text not null,
    reason text not null,
    outcome text,
    started_at timestamptz not null,
    constraint rollouts_tenant unique (tenant_id, id),
    foreign key (tenant_id, model_id) references models (tenant_id, id) on delete cascade,
    ${version('champion_version')},
    ${version('challenger_version')}
  )`,
  `create unique index rollouts_running on rollouts (model_id, environment) where state = 'running'`,
  'create index rollouts_history on rollouts (model_id, environment, started_at desc)',
  `create table rollout_counts (
    ${TENANT_ID},
    rollout_id text not null,
    stage integer not null,
    replica text not null,
    arm text not null check (arm in ('champion', 'challenger')),
    ready boolean not null,
    load_error jsonb,
    requests bigint not null,
    errors bigint not null,
    latency jsonb not null,
    difference jsonb,
    updated_at timestamptz not null,
    primary key (rollout_id, stage, replica, arm),
    foreign key (tenant_id, rollout_id) references rollouts (tenant_id, id) on delete cascade
  )`,
  'alter table predictions add column rollout_id text, add column arm text',
  'create index predictions_of_rollout on predictions (rollout_id, created_at) where rollout_id is not null',
]
