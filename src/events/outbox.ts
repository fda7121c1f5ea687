// The outbox: an event is a row written in the transaction of the change it tells of, so neither exists without the
// other. relay.ts carries the rows to the bus afterwards.
import { sql } from 'kysely'
import type { EventType, MlEvent } from '../contract/service.ts'
import type { Clock } from '../core/clock.ts'
import { newId } from '../core/ids.ts'
import type { TraceContext } from '../core/trace.ts'
import { json, type Tx, wake } from '../ports/db/index.ts'

export interface EventDraft {
  readonly type: EventType
  /** The service that sends it. */
  readonly source: string
  /** The id it happened to. */
  readonly subject: string
  readonly tenantId: string
  readonly requestId?: string
  /** Of the change it tells of. */
  readonly trace?: TraceContext | undefined
  readonly data: Readonly<Record<string, unknown>>
  readonly clock: Clock
}

/** The CloudEvents document; `event_type` and `tenant_id` are repeated in its data for consumers that see only that. */
export function makeEvent({ type, source, subject, tenantId, requestId, trace, data, clock }: EventDraft): MlEvent {
  const now = clock.now()
  return {
    specversion: '1.0',
    id: newId('evt', now.getTime()),
    source,
    type,
    subject,
    time: now.toISOString(),
    datacontenttype: 'application/json',
    tenantid: tenantId,
    ...(requestId !== undefined && { requestid: requestId }),
    // CloudEvents' extension for distributed tracing has the same two names.
    ...trace,
    data: { ...data, event_type: type, tenant_id: tenantId },
  }
}

/** Where the events of a tenant are published. A name that NATS would not accept (`a..b`) has its dots as `%2E`. */
export function eventSubject(tenantId: string): string {
  const tokens = tenantId.split('.')
  return `ml.events.${tokens.includes('') ? tokens.join('%2E') : tenantId}`
}

/**
 * Adds the event to the outbox. Until the transaction ends no other one can add an event of the same tenant: thus the
 * rows of a tenant become visible in the order of their numbers, and the relay can keep that order.
 */
export async function appendEvent(tx: Tx, event: MlEvent): Promise<void> {
  const { id, tenantid } = event
  await sql`
    with turn as materialized (select pg_advisory_xact_lock(${OUTBOX_LOCK}, hashtext(${tenantid})))
    insert into outbox (id, tenant_id, subject, event)
    select ${id}::text, ${tenantid}::text, ${eventSubject(tenantid)}::text, ${json(event)}::jsonb from turn
  `.execute(tx)
  wake(tx, 'outbox')
}

/** First half of the advisory locks' names; the second is the tenant. Any number that nothing else uses. */
const OUTBOX_LOCK = 7_261_001
