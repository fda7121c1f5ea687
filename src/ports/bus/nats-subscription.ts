// One subscription on JetStream, for as long as it is wanted: it finds or makes its consumer on every new connection, and
// goes back to the oldest message it has not finished when the server has forgotten the consumer.
import { type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { type NatsConnection, nuid } from '@nats-io/transport-node'
import { type BackoffOptions, backoffMs, pause } from '../../core/backoff.ts'
import type { Log } from '../../core/log.ts'
import type { DeliveredMessage, SubscribeOptions, Subscription } from './index.ts'
import type { NatsLink } from './nats-link.ts'
import { ensureConsumer, ensureStream, type StreamSettings } from './nats-stream.ts'

const POLL_MS = 30_000
const HEARTBEAT_MS = 5_000
const RETRY = { initialMs: 100, maxMs: 5_000 }
const FIRST_WAIT_MS = 5_000

export interface NatsSubscriptionOptions {
  readonly link: NatsLink
  readonly settings: StreamSettings
  readonly redelivery: BackoffOptions
  readonly ackWaitMs: number
  readonly log: Log
  readonly pattern: string
  readonly handler: (message: DeliveredMessage) => Promise<void>
  readonly options: SubscribeOptions
}

/** Resolves when the subscription stands, or when it turns out that it has to wait for the server. */
export async function subscribeNats(wish: NatsSubscriptionOptions): Promise<Subscription> {
  const { link, log, pattern, options } = wish
  const stopping = new AbortController()
  const stop = options.signal ? AbortSignal.any([stopping.signal, options.signal]) : stopping.signal
  const standing = Promise.withResolvers<void>()
  const memory = createMemory(options)

  async function run(): Promise<void> {
    for (let failures = 0; !stop.aborted; ) {
      try {
        const connection = await link.wait(stop)
        await consume(connection, wish, {
          memory,
          stop,
          onStanding: () => {
            failures = 0
            standing.resolve()
          },
        })
      } catch (error) {
        if (stop.aborted) break
        if (failures === 0 && link.current) log.warn({ err: error, pattern }, 'a subscription broke off; trying again')
      }
      standing.resolve()
      await pause(backoffMs(failures++, RETRY), stop)
    }
    standing.resolve()
  }

  const running = run()
  const close = async () => {
    stopping.abort()
    await running
    if (options.durable === undefined) await forget(link.current, wish.settings.name, memory.name)
  }
  await link.use().then(
    () => Promise.race([standing.promise, pause(FIRST_WAIT_MS, stop)]),
    () => {},
  )
  return { close }
}

/** What outlives a connection: the consumer's name and the time of the oldest message that is not finished. */
function createMemory({ durable, from }: SubscribeOptions) {
  const unfinished = new Map<string, Date>()
  let reached = from instanceof Date ? from : undefined
  const later = (time: Date) => {
    if (!reached || time > reached) reached = time
  }
  return {
    name: durable ?? `s_${nuid.next()}`,
    begin: (id: string, time: Date) => void unfinished.set(id, time),
    finish(id: string, time: Date) {
      unfinished.delete(id)
      later(time)
    },
    /** The server's time at which a consumer that starts with what is new was made. */
    startedAt(time: Date) {
      reached ??= time
    },
    from: () => [...unfinished.values()].reduce((oldest, time) => (oldest && oldest < time ? oldest : time), reached),
  }
}

type Memory = ReturnType<typeof createMemory>

interface Run {
  readonly memory: Memory
  readonly stop: AbortSignal
  readonly onStanding: () => void
}

async function consume(connection: NatsConnection, wish: NatsSubscriptionOptions, run: Run): Promise<void> {
  const { settings, pattern, options } = wish
  const { memory, stop, onStanding } = run
  const manager = await jetstreamManager(connection, { checkAPI: false })
  await ensureStream(manager, settings)
  const durable = options.durable !== undefined
  const info = await ensureConsumer(manager, settings.name, {
    name: memory.name,
    durable,
    pattern,
    from: memory.from(),
    ackWaitMs: wish.ackWaitMs,
  })
  memory.startedAt(new Date(info.created))
  const consumer = jetstream(connection).consumers.getConsumerFromInfo(info)
  onStanding()
  while (!stop.aborted) {
    // One at a time: what is fetched ahead loses its time to be acknowledged, and server 2.9 can deliver a wrong message
    // when some of it is handed back.
    const messages = await consumer.fetch({ max_messages: 1, expires: POLL_MS, idle_heartbeat: HEARTBEAT_MS })
    const onStop = () => messages.stop()
    stop.addEventListener('abort', onStop, { once: true })
    if (stop.aborted) onStop()
    try {
      for await (const message of messages) {
        if (stop.aborted) message.nak()
        else await handle(message, wish, memory)
      }
    } finally {
      stop.removeEventListener('abort', onStop)
      messages.stop()
    }
  }
}

async function handle(raw: JsMsg, wish: NatsSubscriptionOptions, memory: Memory): Promise<void> {
  const { handler, redelivery, ackWaitMs, log } = wish
  const message = delivered(raw)
  memory.begin(message.id, message.time)
  const busy = setInterval(() => raw.working(), ackWaitMs / 3)
  try {
    await handler(message)
    raw.ack()
    memory.finish(message.id, message.time)
  } catch (error) {
    const { subject, id, attempt } = message
    log.warn({ err: error, subject, event_id: id, attempt }, 'the handler of an event failed; it will come again')
    raw.nak(backoffMs(attempt - 1, redelivery))
  } finally {
    clearInterval(busy)
  }
}

function delivered(raw: JsMsg): DeliveredMessage {
  const headers: Record<string, string> = {}
  for (const name of raw.headers?.keys() ?? []) headers[name] = raw.headers!.get(name)
  const { 'Nats-Msg-Id': id = String(raw.seq), ...rest } = headers
  const { subject, data, time, info } = raw
  return { subject, id, data, headers: rest, time, attempt: info.deliveryCount }
}

async function forget(connection: NatsConnection | undefined, stream: string, consumer: string): Promise<void> {
  if (!connection) return // the server forgets it by itself after a while
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 1000 })
  await manager.consumers.delete(stream, consumer).catch(() => {})
}
