// What a subscription does with the messages of its consumer. One at a time while they come singly; of a backlog as many together
// as a quick handler finishes in a moment, because a request to the server for each would be most of the work.
import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream'
import { type BackoffOptions, backoffMs } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import type { Log } from '../../core/log.ts'
import type { DeliveredMessage } from './index.ts'

const POLL_MS = 30_000
const HEARTBEAT_MS = 5_000
/** How long a request for several stays open when others have taken them. */
const MORE_MS = 1_000
/** What is taken together should be handled within this; a subscription that closes handles it to the end. */
const A_MOMENT_MS = 50
const AT_MOST = 100
/** A closing subscription leaves what a handler that has become slow does not get to: it comes again elsewhere. */
const CLOSING_MS = 2_000

export interface Delivery {
  readonly handler: (message: DeliveredMessage) => Promise<void>
  readonly redelivery: BackoffOptions
  readonly ackWaitMs: number
  readonly log: Log
  readonly memory: {
    begin(id: string, time: Date): void
    finish(id: string, time: Date): void
  }
}

/** Until `stop` fires or the consumer breaks off. */
export async function deliver(consumer: Consumer, delivery: Delivery, stop: AbortSignal): Promise<void> {
  let size = 1
  while (!stop.aborted) {
    const wait = size === 1 ? { expires: POLL_MS, idle_heartbeat: HEARTBEAT_MS } : { expires: MORE_MS }
    const messages = await consumer.fetch({ max_messages: size, ...wait })
    const onStop = () => messages.stop()
    stop.addEventListener('abort', onStop, { once: true })
    if (stop.aborted) onStop()
    try {
      size = sizeOfNext(size, await work(messages, delivery, stop))
    } finally {
      stop.removeEventListener('abort', onStop)
      messages.stop()
    }
  }
}

interface Worked {
  count: number
  failed: boolean
  elapsedMs: number
  /** Messages behind the last one. */
  waiting: number
}

function sizeOfNext(size: number, { count, failed, elapsedMs, waiting }: Worked): number {
  if (count === 0 || failed) return 1
  const quick = Math.floor(A_MOMENT_MS / Math.max(elapsedMs / count, 0.01))
  return Math.max(1, Math.min(waiting, quick, size * 4, AT_MOST))
}

/**
 * One after another, and none that is in hand comes again meanwhile. Nothing is handed back: server 2.9 can deliver a wrong
 * message then.
 */
async function work(messages: ConsumerMessages, delivery: Delivery, stop: AbortSignal): Promise<Worked> {
  const worked: Worked = { count: 0, failed: false, elapsedMs: 0, waiting: 0 }
  const inHand = new Set<JsMsg>()
  const busy = setInterval(() => inHand.forEach((message) => void message.working()), delivery.ackWaitMs / 3)
  const until = { ms: Number.POSITIVE_INFINITY }
  const onStop = () => (until.ms = systemClock.elapsedMs() + CLOSING_MS)
  stop.addEventListener('abort', onStop, { once: true })
  let last = Promise.resolve()

  async function next(message: JsMsg): Promise<void> {
    const started = systemClock.elapsedMs()
    if (started < until.ms) {
      if (!(await handle(message, delivery))) worked.failed = true
      worked.count++
      worked.elapsedMs += systemClock.elapsedMs() - started
      worked.waiting = message.info.pending
    }
    inHand.delete(message)
  }

  try {
    for await (const message of messages) {
      inHand.add(message)
      last = last.then(() => next(message))
    }
  } finally {
    await last
    clearInterval(busy)
    stop.removeEventListener('abort', onStop)
  }
  return worked
}

/** @returns whether the handler succeeded. */
async function handle(raw: JsMsg, { handler, redelivery, log, memory }: Delivery): Promise<boolean> {
  const message = delivered(raw)
  memory.begin(message.id, message.time)
  try {
    await handler(message)
    raw.ack()
    memory.finish(message.id, message.time)
    return true
  } catch (error) {
    const { subject, id, attempt } = message
    log.warn({ err: error, subject, event_id: id, attempt }, 'the handler of an event failed; it will come again')
    raw.nak(backoffMs(attempt - 1, redelivery))
    return false
  }
}

function delivered(raw: JsMsg): DeliveredMessage {
  const headers: Record<string, string> = {}
  // Those of NATS told the server how to store it: for who sends it on they would be wrong.
  const names = (raw.headers?.keys() ?? []).filter((name) => !name.startsWith('Nats-'))
  for (const name of names) headers[name] = raw.headers!.get(name)
  const { subject, data, time, info } = raw
  const id = raw.headers?.get('Nats-Msg-Id') || String(raw.seq)
  return { subject, id, data, headers, time, attempt: info.deliveryCount }
}
