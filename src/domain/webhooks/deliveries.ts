// The log of deliveries, and sending again what was given up.
import type { Input, Output } from '../../contract/operations/index.ts'
import type { WebhookDelivery } from '../../contract/webhooks.ts'
import { notFound } from '../../core/failure.ts'
import { type Row, wake } from '../../ports/db/index.ts'
import { type Ctx, inTransaction, type Services } from '../ctx.ts'
import { pageById } from '../paging.ts'
import { getWebhookRow } from './webhooks.ts'

/** How long the log of deliveries reaches back. */
const KEEP_MS = 30 * 24 * 3_600_000

export function listDeliveries(ctx: Ctx, input: Input<'webhooks.deliveries'>): Promise<Output<'webhooks.deliveries'>> {
  return inTransaction(ctx, async (ctx) => {
    const { id } = await getWebhookRow(ctx, input.webhook_id)
    let find = ctx.db.selectFrom('webhook_deliveries').selectAll().where('webhook_id', '=', id)
    if (input.status) find = find.where('status', '=', input.status)
    return await pageById(find, input, deliveryDocument)
  })
}

/** @throws `not_found` WEBHOOK_DELIVERY_NOT_FOUND. */
export function replayDeliveries(ctx: Ctx, input: Input<'webhooks.replay'>): Promise<Output<'webhooks.replay'>> {
  return inTransaction(ctx, async (ctx) => {
    const { id } = await getWebhookRow(ctx, input.webhook_id)
    let again = ctx.db
      .updateTable('webhook_deliveries')
      .set({ status: 'waiting', attempts: 0, next_attempt_at: ctx.clock.now() })
      .where('webhook_id', '=', id)
    again =
      input.delivery_id === undefined ? again.where('status', '=', 'dead') : again.where('id', '=', input.delivery_id)
    const rows = await again.returning('id').execute()
    if (rows.length === 0 && input.delivery_id !== undefined) throw notFound('webhook delivery', input.delivery_id)
    wake(ctx.db, 'webhooks')
    return { count: rows.length }
  })
}

export async function sweepDeliveries({ db, clock }: Services): Promise<void> {
  const before = new Date(clock.now().getTime() - KEEP_MS)
  await db.system((tx) =>
    tx.deleteFrom('webhook_deliveries').where('status', '!=', 'waiting').where('created_at', '<', before).execute(),
  )
}

function deliveryDocument(row: Row<'webhook_deliveries'>): WebhookDelivery {
  return {
    id: row.id,
    webhook_id: row.webhook_id,
    event_id: row.event_id,
    event_type: row.event_type,
    status: row.status,
    attempts: row.attempts,
    next_attempt_at: row.status === 'waiting' ? (row.next_attempt_at?.toISOString() ?? null) : null,
    last_status: row.last_status,
    last_error: row.last_error,
    created_at: row.created_at.toISOString(),
    delivered_at: row.delivered_at?.toISOString() ?? null,
  }
}
