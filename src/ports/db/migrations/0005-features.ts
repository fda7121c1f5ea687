// The feature store: declared entity types, the history of every feature, what is known now, and interactions.
import { type Kysely, sql } from 'kysely'
import { protectTenantTable } from './tenancy.ts'

const TENANT_ID = `tenant_id text not null check (tenant_id <> '')`

const STATEMENTS = [
  `create table entity_types (
    ${TENANT_ID},
    name text not null,
    features jsonb not null,
    ttl_seconds double precision,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null,
    primary key (tenant_id, name)
  )`,
  // One row an observation: what became known of an entity at one moment. The key is what point-in-time joins walk.
  `create table feature_history (
    ${TENANT_ID},
    entity_type text not null,
    entity_id text not null,
    observed_at timestamptz not null,
    features jsonb not null,
    recorded_at timestamptz not null default now(),
    primary key (tenant_id, entity_type, entity_id, observed_at)
  )`,
  // The newest value of every feature with its moment: { name: [value, milliseconds] }.
  `create table feature_states (
    ${TENANT_ID},
    entity_type text not null,
    entity_id text not null,
    state jsonb not null,
    primary key (tenant_id, entity_type, entity_id)
  )`,
  `create table interactions (
    ${TENANT_ID},
    id text not null,
    user_id text not null,
    item_id text,
    event text not null,
    at timestamptz not null,
    channel text,
    value double precision,
    context jsonb,
    recorded_at timestamptz not null default now(),
    seq bigint generated always as identity,
    primary key (tenant_id, id)
  )`,
  'create index interactions_user on interactions (tenant_id, user_id, at desc)',
  'create index interactions_newest on interactions (tenant_id, seq desc)',
]

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
  for (const table of ['entity_types', 'feature_history', 'feature_states']) {
    await protectTenantTable(db, table, 'select, insert, update, delete')
  }
  await protectTenantTable(db, 'interactions', 'select, insert')
}
