// Attempts of one tenant to reach the rows of another, with statements that name no tenant at all: the database refuses.
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Database, json, type Tx } from '../../src/ports/db/index.ts'
import { BACKENDS, type Backend, startBackend } from './db-backends.ts'
import { fill } from './db-rows.ts'

const TENANT_TABLES = [
  'models',
  'model_versions',
  'datasets',
  'training_jobs',
  'deployments',
  'live_versions',
  'rollouts',
  'rollout_counts',
  'idempotency_keys',
  'predictions',
  'feedback',
  'outbox',
  'training_trials',
  'batch_jobs',
  'batch_chunks',
  'entity_types',
  'feature_history',
  'feature_states',
  'interactions',
  'webhooks',
  'webhook_deliveries',
  'schedules',
  'schedule_runs',
] as const
/** Kept by the service about tenants; no tenant reaches them. */
const SERVICE_TABLES = ['batch_turns']
/** Tenants add to them and change nothing. */
const GROWING: readonly string[] = ['deployments', 'outbox', 'training_trials', 'interactions']

describe.each(BACKENDS)('tenants: %s', (name) => {
  let backend: Backend
  let db: Database

  beforeAll(async () => {
    backend = await startBackend(name)
    db = await backend.create()
    for (const tenant of ['a', 'b']) await db.tenant(tenant, (tx) => fill(tx, tenant))
  })
  afterAll(() => backend.stop())

  it('lists every table that has a tenant', async () => {
    const { rows } = await db.system((tx) =>
      sql<{ table_name: string }>`
        select table_name from information_schema.columns where column_name = 'tenant_id' and table_schema = 'public'
        order by table_name`.execute(tx),
    )
    expect(rows.map((row) => row.table_name)).toEqual([...TENANT_TABLES, ...SERVICE_TABLES].sort())
  })

  it.each(TENANT_TABLES)('shows only the own rows of %s', async (table) => {
    const tenants = (tx: Tx) => tx.selectFrom(table).select('tenant_id').distinct().orderBy('tenant_id').execute()
    expect(await db.tenant('a', tenants)).toEqual([{ tenant_id: 'a' }])
    expect(await db.tenant('c', tenants)).toEqual([])
    expect(await db.system(tenants)).toEqual([{ tenant_id: 'a' }, { tenant_id: 'b' }])
  })

  it.each(TENANT_TABLES)('refuses a row of %s that claims another tenant', async (table) => {
    const { rows } = await db.system((tx) =>
      sql<{ columns: string }>`
        select string_agg(quote_ident(column_name), ', ') as columns from information_schema.columns
        where table_name = ${table} and column_name <> 'seq' and table_schema = 'public'`.execute(tx),
    )
    const columns = rows[0]!.columns
    const copy = db.tenant('b', (tx) =>
      // Its own row again, but under the name of a: the policy is checked before any constraint.
      sql`insert into ${sql.table(table)} (${sql.raw(columns)})
          select ${sql.raw(columns.replace('tenant_id', "'a'"))} from ${sql.table(table)}`.execute(tx),
    )
    await expect(copy).rejects.toThrow(/row-level security/)
  })

  const changeable = TENANT_TABLES.filter((table) => !GROWING.includes(table))

  it.each(changeable)('changes and deletes nothing of another tenant in %s', async (table) => {
    const before = await countOf('a', table)
    await db
      .tenant('b', async (tx) => {
        const changed = await sql`update ${sql.table(table)} set created_at = now() where tenant_id = 'a'`
          .execute(tx)
          .catch(() => undefined) // live_versions has no such column, which is as good
        expect(changed?.numAffectedRows ?? 0n).toBe(0n)
      })
      .catch((error: unknown) => expect(error).toMatchObject({ code: 'TRANSACTION_ABORTED' }))
    await db.tenant('c', async (tx) => {
      const { numAffectedRows } = await sql`delete from ${sql.table(table)}`.execute(tx)
      expect(numAffectedRows).toBe(0n)
    })
    expect(await countOf('a', table)).toBe(before)
  })

  it('does not let a row change its tenant', async () => {
    const move = db.tenant('a', (tx) => tx.updateTable('models').set({ tenant_id: 'b' }).execute())
    await expect(move).rejects.toThrow(/row-level security/)
  })

  it('does not let a row refer to a row of another tenant', async () => {
    const foreign = db.tenant('b', (tx) =>
      tx
        .insertInto('model_versions')
        .values({
          model_id: 'model_a',
          version: '9.0.0',
          tenant_id: 'b',
          status: 'trained',
          hyperparameters: json({}),
          metrics: json({}),
          lineage: json({}),
        })
        .execute(),
    )
    await expect(foreign).rejects.toMatchObject({ code: '23503' })
    const feedback = db.tenant('b', (tx) =>
      tx
        .insertInto('feedback')
        .values({ prediction_id: 'pred_of_a_2', tenant_id: 'b', actual: json(1) })
        .execute(),
    )
    await expect(feedback).rejects.toMatchObject({ code: '23503' })
  })

  it('gives tenants no way to create, change or empty tables, or to write the revision', async () => {
    for (const attempt of [
      'create table mine (id text)',
      'alter table models disable row level security',
      'drop policy tenant_rows on models',
      'truncate models',
      'update serving_revision set revision = 0',
      'delete from outbox',
      'update deployments set reason = $$x$$',
      'select * from batch_turns',
      'select * from schema_migrations',
      'select * from modelyard_queue.job',
    ]) {
      await expect(
        db.tenant('b', (tx) => sql.raw(attempt).execute(tx)),
        attempt,
      ).rejects.toThrow(/permission denied|must be owner|does not exist/)
    }
  })

  it('forgets the tenant with the transaction', async () => {
    await db.tenant('a', (tx) => sql`select 1`.execute(tx))
    const { rows } = await db.system((tx) =>
      sql<Record<string, unknown>>`
        select current_user = session_user as plain, current_setting('modelyard.tenant', true) as tenant`.execute(tx),
    )
    expect(rows[0]?.plain).toBe(true)
    expect(rows[0]?.tenant ?? '').toBe('')
  })

  it('shows a tenant’s role nothing where no tenant is set', async () => {
    const { rows } = await db.system((tx) =>
      sql`set local role modelyard_tenant`.execute(tx).then(() => sql`select * from models`.execute(tx)),
    )
    expect(rows).toEqual([])
  })

  it('keeps the history of deployments, but lets it go with its model', async () => {
    for (const attempt of ["update deployments set reason = 'x'", 'delete from deployments']) {
      await expect(db.system((tx) => sql.raw(attempt).execute(tx))).rejects.toThrow(/append-only/)
    }
    await db.tenant('d', (tx) => fill(tx, 'd'))
    await db.tenant('d', (tx) => tx.deleteFrom('models').execute())
    expect(await countOf('d', 'deployments')).toBe(0)
    expect(await countOf('d', 'live_versions')).toBe(0)
  })

  it('does not let a live version be deleted by itself', async () => {
    await expect(db.tenant('a', (tx) => tx.deleteFrom('model_versions').execute())).rejects.toMatchObject({
      code: '23503',
    })
  })

  const countOf = (tenant: string, table: (typeof TENANT_TABLES)[number]) =>
    db.tenant(tenant, (tx) => tx.selectFrom(table).select('tenant_id').execute()).then((rows) => rows.length)
})
