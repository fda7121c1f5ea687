// Sends what is due. A claim moves the next attempt out of reach for as long as an attempt may take, so that two replicas do
// not send at once and a replica that dies leaves the delivery to another: at least once, under one id. A webhook that does not
// answer holds up only itself: a replica has at most one handful of deliveries on its way to each.
import { sql } from 'kysely'
import type { MlEvent } from '../../contract/service.ts'
import { asFailure } from '../../core/failure.ts'
import { startLoop, type Turn } from '../../core/loop.ts'
import { type Span, traceContextOf } from '../../core/trace.ts'
import { sendWebhook } from '../../events/send-webhook.ts'
import { pollMs, type Tx } from '../../ports/db/index.ts'
import type { Services } from '../ctx.ts'

export interface DeliveryWorker {
  /** Gives back what is being sent; it is sent again later. */
  stop(): Promise<void>
}

export interface DeliveryOptions {
  /** Until an answer must have come; default 10,000. */
  readonly timeoutMs?: number
  /** After each failed attempt, in seconds; after the last one the delivery is dead. */
  readonly pauses?: readonly number[]
}

const AT_ONCE = 64
const AT_ONCE_A_WEBHOOK = 8
const POLL_MS = 1000
const TIMEOUT_MS = 10_000
/** Longer than an attempt, and short enough for those of a replica that died. */
const CLAIM_SECONDS = 60
/** About 28 hours in all, as Standard Webhooks advise. */
const PAUSES = [5, 30, 120, 600, 1800, 7200, 18_000, 36_000, 36_000]
const GONE = 410

export interface Due {
  readonly id: string
  readonly webhookId: string
  readonly url: string
  /** The present one first. */
  readonly secrets: readonly string[]
  readonly eventId: string
  readonly payload: unknown
  readonly attempts: number
}

export function startDeliveries(services: Services, options: DeliveryOptions = {}): DeliveryWorker {
  const { db, log } = services
  const onWake = (wake: () => void) => db.onWake('webhooks', wake)
  const sending = new Map<string, Promise<void>>()
  let inFlight = 0

  function send(webhookId: string, due: readonly Due[], signal: AbortSignal): void {
    inFlight += due.length
    const work = Promise.all(due.map((delivery) => deliver(services, delivery, { ...options, signal })))
      .catch((error: unknown) => log.warn({ err: error, webhook_id: webhookId }, 'an outcome could not be written'))
      .then(() => {
        inFlight -= due.length
        sending.delete(webhookId)
        loop.wake()
      })
    sending.set(webhookId, work)
  }

  async function turn({ signal, idle }: Turn): Promise<void> {
    const limit = AT_ONCE - inFlight
    const due = limit > 0 ? await db.system((tx) => claimDeliveries(tx, [...sending.keys()], limit)) : []
    for (const [webhookId, group] of Map.groupBy(due, (one) => one.webhookId)) send(webhookId, group, signal)
    // One that failed falls due without a wake-up.
    await idle(POLL_MS, pollMs(db, POLL_MS))
  }

  const loop = startLoop({ onWake, log, onFailure: 'webhooks wait: the database cannot be reached' }, turn)
  return {
    async stop() {
      await loop.stop()
      await Promise.all(sending.values())
    },
  }
}

/** The oldest due ones of every active webhook but the `busy`; those of one that was stopped wait until it goes on. The recursion steps from webhook to webhook, over any backlog. */
export async function claimDeliveries(tx: Tx, busy: readonly string[], limit: number): Promise<readonly Due[]> {
  const { rows } = await sql<Due>`
    with recursive hooks (id) as (
      select min(webhook_id) from webhook_deliveries where status = 'waiting'
      union all
      select (select min(d.webhook_id) from webhook_deliveries d where d.status = 'waiting' and d.webhook_id > hooks.id)
      from hooks where hooks.id is not null
    ), due as (
      select d.id from hooks cross join lateral (
        select id, next_attempt_at from webhook_deliveries
        where webhook_id = hooks.id and status = 'waiting' and next_attempt_at <= clock_timestamp()
        order by next_attempt_at limit ${AT_ONCE_A_WEBHOOK} for update skip locked) d
      where hooks.id is not null and hooks.id <> all (${[...busy]}::text[])
        and exists (select from webhooks w where w.id = hooks.id and w.active)
      order by d.next_attempt_at limit ${limit}
    )
    update webhook_deliveries d
    set attempts = d.attempts + 1, next_attempt_at = clock_timestamp() + make_interval(secs => ${CLAIM_SECONDS}::integer)
    from webhooks w, due
    where d.id = due.id and w.id = d.webhook_id
    returning d.id, d.webhook_id as "webhookId", w.url, array(
      select w.secret union all
      select old ->> 'secret' from jsonb_array_elements(w.old_secrets) old where (old ->> 'until')::timestamptz > clock_timestamp()
    ) as secrets, d.event_id as "eventId", d.payload, d.attempts`.execute(tx)
  return rows
}

interface Outcome {
  readonly status: number | null
  /** Absent: accepted. */
  readonly error?: string
}

type Attempt = DeliveryOptions & { readonly signal: AbortSignal }

async function deliver(services: Services, due: Due, attempt: Attempt): Promise<void> {
  const { metrics, db } = services
  const outcome = await traced(services, due, (span) => tryOnce(services, due, { ...attempt, span }))
  if (attempt.signal.aborted && outcome.error !== undefined) {
    await db.system((tx) => giveBack(tx, due))
    return
  }
  const wait = outcome.status === GONE ? undefined : (attempt.pauses ?? PAUSES)[due.attempts - 1]
  const became = outcome.error === undefined ? 'delivered' : wait === undefined ? 'dead' : 'waiting'
  metrics.webhookDeliveries.inc({ outcome: became === 'waiting' ? 'failed' : became })
  await db.system(async (tx) => {
    await sql`update webhook_deliveries
      set status = ${became}, last_status = ${outcome.status}::integer, last_error = ${outcome.error ?? null}::text,
        delivered_at = case when ${became}::text = 'delivered' then clock_timestamp() end,
        next_attempt_at = clock_timestamp() + make_interval(secs => ${wait ?? 0}::double precision)
      where id = ${due.id} and attempts = ${due.attempts} and status = 'waiting'`.execute(tx)
    // The receiver says that there will never be anybody again.
    if (outcome.status === GONE) {
      await sql`update webhooks set active = false, updated_at = clock_timestamp() where id = ${due.webhookId}`.execute(
        tx,
      )
    }
  })
}

/** As a span of the trace that the event belongs to. */
async function traced(services: Services, due: Due, send: (span: Span) => Promise<Outcome>): Promise<Outcome> {
  const span = services.tracer.start('POST webhook', {
    kind: 'client',
    parent: traceContextOf(due.payload as MlEvent),
    attributes: {
      'http.request.method': 'POST',
      'http.request.resend_count': due.attempts - 1,
      'server.address': URL.canParse(due.url) ? new URL(due.url).host : undefined,
      'modelyard.webhook_id': due.webhookId,
      'cloudevents.event_id': due.eventId,
    },
  })
  const outcome = await send(span)
  span.set({
    'http.response.status_code': outcome.status ?? undefined,
    // Without an answer the failure has named itself.
    'error.type': outcome.error !== undefined && outcome.status !== null ? String(outcome.status) : undefined,
  })
  span.end()
  return outcome
}

type TracedAttempt = Attempt & { readonly span: Span }

async function tryOnce(services: Services, due: Due, { timeoutMs, signal, span }: TracedAttempt): Promise<Outcome> {
  const { clock, settings } = services
  const body = JSON.stringify(due.payload)
  const message = { ...due, id: due.eventId, time: clock.now(), body, trace: span.context }
  const addresses = settings.webhookAllowPrivate ? ('any' as const) : ('public' as const)
  try {
    const { status } = await sendWebhook(message, { addresses, timeoutMs: timeoutMs ?? TIMEOUT_MS, signal })
    return status >= 200 && status < 300 ? { status } : { status, error: `answered ${status}` }
  } catch (error) {
    span.failed(error)
    return { status: null, error: asFailure(error).message || 'no connection' }
  }
}

async function giveBack(tx: Tx, { id, attempts }: Due): Promise<void> {
  await sql`update webhook_deliveries set attempts = attempts - 1, next_attempt_at = clock_timestamp()
    where id = ${id} and attempts = ${attempts} and status = 'waiting'`.execute(tx)
}
