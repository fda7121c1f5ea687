import { sql } from 'kysely'
import type { TestApp } from './app.ts'

const TABLES = [
  'datasets',
  'models',
  'model_versions',
  'training_jobs',
  'training_trials',
  'deployments',
  'live_versions',
  'predictions',
  'feedback',
  'idempotency_keys',
  'outbox',
  'entity_types',
  'feature_history',
  'feature_states',
  'interactions',
  'webhooks',
  'schedules',
  'schedule_runs',
  'batch_jobs',
] as const

/** Everything one tenant has in the database, as it is stored; but not whether an event was sent, which goes on by itself. */
export async function rowsOf({ app }: TestApp, tenantId: string): Promise<Record<string, unknown[]>> {
  return app.services.db.system(async (tx) => {
    const found: Record<string, unknown[]> = {}
    for (const table of TABLES) {
      const query = sql<{ row: unknown }>`
        select to_jsonb(t) - 'published_at' as row from ${sql.table(table)} t where tenant_id = ${tenantId} order by to_jsonb(t)::text`
      found[table] = (await query.execute(tx)).rows.map(({ row }) => row)
    }
    return found
  })
}
