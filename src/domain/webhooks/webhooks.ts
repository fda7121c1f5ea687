// Making, showing, changing and deleting webhooks. The secret is in the reply that made it and nowhere else.
import { randomBytes } from 'node:crypto'
import type { Input, Output } from '../../contract/operations/index.ts'
import type { Webhook } from '../../contract/webhooks.ts'
import { fail, invalid, notFound } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { forbiddenAddress, isPublicAddress, literalAddress } from '../../events/public-address.ts'
import { json, type Row } from '../../ports/db/index.ts'
import { type Ctx, inLastTransaction, inTransaction, type TxCtx } from '../ctx.ts'
import { pageById } from '../paging.ts'

const MAX_WEBHOOKS = 100
const SECRET_BYTES = 24

export async function createWebhook(ctx: Ctx, input: Input<'webhooks.create'>): Promise<Webhook> {
  checkUrl(ctx, input.url)
  return inLastTransaction(ctx, 'webhooks.create', async (ctx) => {
    const { count } = await ctx.db
      .selectFrom('webhooks')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow()
    if (Number(count) >= MAX_WEBHOOKS) {
      throw fail('limited', 'WEBHOOK_QUOTA', `There are ${MAX_WEBHOOKS} webhooks already; delete one first`)
    }
    const row = await ctx.db
      .insertInto('webhooks')
      .values({
        id: newId('hook'),
        tenant_id: ctx.caller.tenantId,
        url: input.url,
        events: json(input.events ?? []),
        description: input.description ?? null,
        secret: newSecret(),
        old_secrets: json([]),
        updated_at: ctx.clock.now(),
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    return { ...webhookDocument(row, ctx.clock.now()), secret: row.secret }
  })
}

export function listWebhooks(ctx: Ctx, input: Input<'webhooks.list'>): Promise<Output<'webhooks.list'>> {
  return inTransaction(ctx, async (ctx) => {
    const find = ctx.db.selectFrom('webhooks').selectAll()
    const now = ctx.clock.now()
    return await pageById(find, input, (row) => webhookDocument(row, now))
  })
}

export function getWebhook(ctx: Ctx, input: Input<'webhooks.get'>): Promise<Webhook> {
  return inTransaction(ctx, async (ctx) => webhookDocument(await getWebhookRow(ctx, input.webhook_id), ctx.clock.now()))
}

export async function updateWebhook(ctx: Ctx, input: Input<'webhooks.update'>): Promise<Webhook> {
  if (input.url !== undefined) checkUrl(ctx, input.url)
  return inTransaction(ctx, async (ctx) => {
    const { id } = await getWebhookRow(ctx, input.webhook_id)
    const { url, events, description, active } = input
    const row = await ctx.db
      .updateTable('webhooks')
      .set({
        updated_at: ctx.clock.now(),
        ...(url !== undefined && { url }),
        ...(events !== undefined && { events: json(events) }),
        ...(description !== undefined && { description }),
        ...(active !== undefined && { active }),
      })
      .where('id', '=', id)
      .returningAll()
      .executeTakeFirstOrThrow()
    return webhookDocument(row, ctx.clock.now())
  })
}

export function deleteWebhook(ctx: Ctx, input: Input<'webhooks.delete'>): Promise<{ id: string }> {
  return inTransaction(ctx, async (ctx) => {
    const { id } = await getWebhookRow(ctx, input.webhook_id)
    await ctx.db.deleteFrom('webhooks').where('id', '=', id).execute()
    return { id }
  })
}

/** @throws `not_found` WEBHOOK_NOT_FOUND, also for a webhook of another tenant. */
export async function getWebhookRow(ctx: TxCtx, id: string): Promise<Row<'webhooks'>> {
  const row = await ctx.db.selectFrom('webhooks').selectAll().where('id', '=', id).executeTakeFirst()
  if (!row) throw notFound('webhook', id)
  return row
}

/** The same, and nobody else changes it until the transaction ends. */
export async function lockWebhookRow(ctx: TxCtx, id: string): Promise<Row<'webhooks'>> {
  const row = await ctx.db.selectFrom('webhooks').selectAll().where('id', '=', id).forUpdate().executeTakeFirst()
  if (!row) throw notFound('webhook', id)
  return row
}

export function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
}

/** Those replaced that are still believed, the newest first. */
export function oldSecretsOf({ old_secrets }: Row<'webhooks'>, now: Date): Row<'webhooks'>['old_secrets'] {
  return old_secrets.filter(({ until }) => new Date(until) > now)
}

/** Says what can be said now; a name is judged by its addresses whenever something is sent. */
function checkUrl({ settings }: Ctx, text: string): void {
  if (!URL.canParse(text)) throw invalid('webhook', [{ field: 'url', message: 'is no URL', value: text }])
  const address = literalAddress(new URL(text))
  if (address !== undefined && !settings.webhookAllowPrivate && !isPublicAddress(address)) {
    throw forbiddenAddress(address)
  }
}

export function webhookDocument(row: Row<'webhooks'>, now: Date): Webhook {
  return {
    id: row.id,
    url: row.url,
    events: [...row.events] as Webhook['events'],
    description: row.description,
    active: row.active,
    // The newest lives longest.
    old_secrets_until: oldSecretsOf(row, now)[0]?.until ?? null,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}
