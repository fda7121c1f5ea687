// How a verb says that something happened: one row in the outbox, in the transaction of the change itself.
import { sql } from 'kysely'
import type { EventType, MlEvent } from '../contract/service.ts'
import { newId } from '../core/ids.ts'
import { appendEvent, makeEvent } from '../events/outbox.ts'
import { json, wake } from '../ports/db/index.ts'
import type { TxCtx } from './ctx.ts'
import { listenersOf, queueRuns } from './listeners.ts'

export interface Happening {
  readonly type: EventType
  /** The id it happened to. */
  readonly subject: string
  readonly data: Readonly<Record<string, unknown>>
}

export async function emit(ctx: TxCtx, { type, subject, data }: Happening): Promise<void> {
  const { caller, clock, settings } = ctx
  const { tenantId, requestId } = caller
  const span = ctx.span.child('create ml.events', { kind: 'producer' })
  const event = makeEvent({
    type,
    source: settings.serviceName,
    subject,
    tenantId,
    requestId,
    trace: span.context,
    data,
    clock,
  })
  span.set({ 'cloudevents.event_type': type, 'cloudevents.event_id': event.id, 'cloudevents.event_subject': subject })
  span.end()
  const [, listeners] = await Promise.all([appendEvent(ctx.db, event), listenersOf(ctx, event)])
  await queueDeliveries(
    ctx,
    event,
    listeners.filter(({ kind }) => kind === 'webhook').map(({ id }) => id),
  )
  await queueRuns(ctx, event, listeners)
}

async function queueDeliveries({ db }: TxCtx, event: MlEvent, webhooks: readonly string[]): Promise<void> {
  if (webhooks.length === 0) return
  const payload = json(event)
  wake(db, 'webhooks')
  await db
    .insertInto('webhook_deliveries')
    .values(
      webhooks.map((webhook_id) => ({
        id: newId('dlv'),
        tenant_id: event.tenantid,
        webhook_id,
        event_id: event.id,
        event_type: event.type,
        payload,
        next_attempt_at: sql<Date>`clock_timestamp()`,
      })),
    )
    .execute()
}
