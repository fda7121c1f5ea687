// How a verb says that something happened: one row in the outbox, in the transaction of the change itself.
import { sql } from 'kysely'
import type { EventType, MlEvent } from '../contract/service.ts'
import { newId } from '../core/ids.ts'
import { appendEvent, makeEvent } from '../events/outbox.ts'
import { json } from '../ports/db/index.ts'
import type { TxCtx } from './ctx.ts'

export interface Happening {
  readonly type: EventType
  /** The id it happened to. */
  readonly subject: string
  readonly data: Readonly<Record<string, unknown>>
}

export async function emit(ctx: TxCtx, { type, subject, data }: Happening): Promise<void> {
  const { caller, clock, settings } = ctx
  const event = makeEvent({
    type,
    source: settings.serviceName,
    subject,
    tenantId: caller.tenantId,
    requestId: caller.requestId,
    data,
    clock,
  })
  await appendEvent(ctx.db, event)
  await queueDeliveries(ctx, event)
}

/** For every webhook that wants it. In the transaction of the change, like the event itself. */
async function queueDeliveries({ db }: TxCtx, event: MlEvent): Promise<void> {
  const { tenantid: tenant_id, type } = event
  const wanted = await db
    .selectFrom('webhooks')
    .select('id')
    .where('tenant_id', '=', tenant_id)
    .where('active', '=', true)
    .where((eb) => sql<boolean>`(${eb.ref('events')} = '[]'::jsonb or ${eb.ref('events')} ? ${type})`)
    .execute()
  if (wanted.length === 0) return
  const payload = json(event)
  await db
    .insertInto('webhook_deliveries')
    .values(
      wanted.map(({ id: webhook_id }) => ({
        id: newId('dlv'),
        tenant_id,
        webhook_id,
        event_id: event.id,
        event_type: type,
        payload,
        next_attempt_at: sql<Date>`clock_timestamp()`,
      })),
    )
    .execute()
}
