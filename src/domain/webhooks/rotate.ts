// Replacing the secret of a webhook. The one before it signs too until its receiver has learned the new one, as Standard Webhooks
// advise: a rotation that loses deliveries is a rotation that nobody does.
import type { Input } from '../../contract/operations/index.ts'
import type { Webhook } from '../../contract/webhooks.ts'
import { fail } from '../../core/failure.ts'
import { json, type Row } from '../../ports/db/index.ts'
import { type Ctx, inLastTransaction } from '../ctx.ts'
import { lockWebhookRow, newSecret, oldSecretsOf, webhookDocument } from './webhooks.ts'

const OVERLAP_HOURS = 24
/** Each is one more signature in the header of every delivery. */
const MAX_OLD_SECRETS = 4
const HOUR_MS = 3_600_000

/** @throws `not_found` WEBHOOK_NOT_FOUND, `conflict` WEBHOOK_SECRETS_IN_USE. */
export function rotateSecret(ctx: Ctx, input: Input<'webhooks.rotate'>): Promise<Webhook> {
  return inLastTransaction(ctx, 'webhooks.rotate', async (ctx) => {
    const row = await lockWebhookRow(ctx, input.webhook_id)
    const now = ctx.clock.now()
    const until = new Date(now.getTime() + (input.overlap_hours ?? OVERLAP_HOURS) * HOUR_MS)
    const changed = await ctx.db
      .updateTable('webhooks')
      .set({ secret: newSecret(), old_secrets: json(olderThan(row, until, now)), updated_at: now })
      .where('id', '=', row.id)
      .returningAll()
      .executeTakeFirstOrThrow()
    return { ...webhookDocument(changed, now), secret: changed.secret }
  })
}

/** None of them is believed any longer than the one that is replaced now. */
function olderThan(row: Row<'webhooks'>, until: Date, now: Date): Row<'webhooks'>['old_secrets'] {
  if (until <= now) return []
  const old = oldSecretsOf(row, now)
  if (old.length >= MAX_OLD_SECRETS) {
    const words = `${MAX_OLD_SECRETS} replaced secrets are still in use; wait, or end them with overlap_hours 0`
    throw fail('conflict', 'WEBHOOK_SECRETS_IN_USE', words)
  }
  const latest = until.toISOString()
  return [
    { secret: row.secret, until: latest },
    ...old.map((one) => (one.until > latest ? { ...one, until: latest } : one)),
  ]
}
