// One subscription on JetStream, for as long as it is wanted: it finds or makes its consumer on every new connection, and
// goes back to the oldest message it has not finished when the server has forgotten the consumer.
import { jetstream, jetstreamManager } from '@nats-io/jetstream'
import { type NatsConnection, nuid } from '@nats-io/transport-node'
import { type BackoffOptions, backoffMs, pause } from '../../core/backoff.ts'
import type { Log } from '../../core/log.ts'
import type { DeliveredMessage, SubscribeOptions, Subscription } from './index.ts'
import { deliver } from './nats-deliveries.ts'
import type { NatsLink } from './nats-link.ts'
import { ensureConsumer, ensureStream, type StreamSettings } from './nats-stream.ts'

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
  await deliver(consumer, { ...wish, memory }, stop)
}

async function forget(connection: NatsConnection | undefined, stream: string, consumer: string): Promise<void> {
  if (!connection) return // the server forgets it by itself after a while
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 1000 })
  await manager.consumers.delete(stream, consumer).catch(() => {})
}
