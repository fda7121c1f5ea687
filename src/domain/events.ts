// How a verb says that something happened: one row in the outbox, in the transaction of the change itself.
import type { EventType } from '../contract/service.ts'
import { appendEvent, makeEvent } from '../events/outbox.ts'
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
}
