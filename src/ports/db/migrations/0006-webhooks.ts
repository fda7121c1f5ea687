// Webhooks and what was sent to them. A delivery is written in the transaction of the change its event tells of, and a claim
// only moves its next attempt: a sender that dies leaves a delivery that is due again.
import { type Kysely, sql } from 'kysely'
import { protectTenantTable } from './tenancy.ts'

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db)
  for (const table of ['webhooks', 'webhook_deliveries']) {
    await protectTenantTable(db, table, 'select, insert, update, delete')
  }
}

const STATEMENTS = [
  `create table webhooks (
    id text primary key,
    tenant_id text not null check (tenant_id <> ''),
    url text not null,
    events jsonb not null,
    description text,
    secret text not null,
    active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null,
    constraint webhooks_tenant unique (tenant_id, id)
  )`,
  `create table webhook_deliveries (
    id text primary key,
    tenant_id text not null check (tenant_id <> ''),
    webhook_id text not null,
    event_id text not null,
    event_type text not null,
    payload jsonb not null,
    status text not null default 'waiting',
    attempts integer not null default 0,
    next_attempt_at timestamptz,
    last_status integer,
    last_error text,
    created_at timestamptz not null default now(),
    delivered_at timestamptz,
    constraint webhook_deliveries_once unique (webhook_id, event_id),
    foreign key (tenant_id, webhook_id) references webhooks (tenant_id, id) on delete cascade
  )`,
  `create index webhook_deliveries_due on webhook_deliveries (webhook_id, next_attempt_at) where status = 'waiting'`,
  'create index webhook_deliveries_log on webhook_deliveries (webhook_id, id desc)',
  'create index webhook_deliveries_age on webhook_deliveries (created_at)',
]
