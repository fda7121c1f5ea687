// The bus on NATS: JetStream for events, core NATS for notices.
import { JetStreamApiError, type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { headers, type Msg, type NatsConnection, NoRespondersError, RequestError } from '@nats-io/transport-node'
import { fail, MlError } from '../../core/failure.ts'
import type { Log } from '../../core/log.ts'
import type { Bus, BusMessage, Notice, Subscription } from './index.ts'
import { type NatsLink, openNatsLink, unavailable } from './nats-link.ts'
import { ensureStream, type StreamSettings, streamSettings } from './nats-stream.ts'
import { subscribeNats } from './nats-subscription.ts'
import type { BusOptions } from './open.ts'
import {
  checkDurable,
  checkMessage,
  checkNoticePattern,
  checkNoticeSubject,
  checkPattern,
  checkSize,
  DEFAULT_PREFIX,
  DEFAULT_REDELIVERY,
  MAX_MESSAGE_BYTES,
} from './rules.ts'

const PUBLISH_MS = 5_000
const DEFAULT_ACK_WAIT_MS = 30_000

export function openNatsBus(options: BusOptions & { readonly url: string }): Bus {
  const { log, prefix = DEFAULT_PREFIX, redelivery = DEFAULT_REDELIVERY, ackWaitMs = DEFAULT_ACK_WAIT_MS } = options
  const link = openNatsLink({ url: options.url, name: options.name ?? 'modelyard', log })
  const settings = streamSettings(prefix, options.stream ?? {})
  const publish = createPublisher(link, settings)
  const open = new Set<Subscription>()

  function track(inner: Subscription, signal?: AbortSignal): Subscription {
    const subscription = {
      close: async () => {
        open.delete(subscription)
        await inner.close()
      },
    }
    open.add(subscription)
    if (signal?.aborted) open.delete(subscription)
    signal?.addEventListener('abort', () => void subscription.close(), { once: true })
    return subscription
  }

  return {
    async publish(message) {
      checkMessage(message, prefix)
      await publish(message)
    },
    async subscribe(pattern, handler, wishes = {}) {
      checkPattern(pattern, prefix)
      checkDurable(wishes.durable)
      const parts = { link, settings, redelivery, ackWaitMs, log, pattern, handler, options: wishes }
      return track(await subscribeNats(parts), wishes.signal)
    },
    async notify(subject, data) {
      checkNoticeSubject(subject, prefix)
      const connection = await link.use().catch(() => undefined)
      connection?.publish(subject, data)
    },
    async onNotify(pattern, handler) {
      checkNoticePattern(pattern)
      const listening = await listen(link, pattern, { handler, log })
      return track(listening)
    },
    status: () => ({ connected: link.current !== undefined, url: link.shown, subscriptions: open.size }),
    ping: () => link.ping(),
    async close() {
      await Promise.all([...open].map((subscription) => subscription.close()))
      await link.close()
    },
  }
}

/** Publishes once the stream is known to be right on this connection. */
function createPublisher(link: NatsLink, settings: StreamSettings): (message: BusMessage) => Promise<void> {
  const ready = new WeakMap<NatsConnection, Promise<JetStreamClient>>()

  function prepare(connection: NatsConnection): Promise<JetStreamClient> {
    const known = ready.get(connection)
    if (known) return known
    const client = (async () => {
      const manager = await jetstreamManager(connection, { checkAPI: false, timeout: PUBLISH_MS })
      await ensureStream(manager, settings)
      return jetstream(connection, { timeout: PUBLISH_MS })
    })()
    client.catch(() => ready.delete(connection))
    ready.set(connection, client)
    return client
  }

  async function attempt(connection: NatsConnection, { subject, id, data, headers: fields = {} }: BusMessage) {
    const list = headers()
    for (const [name, value] of Object.entries(fields)) list.set(name, value)
    const client = await prepare(connection)
    await client.publish(subject, data, { msgID: id, headers: list, timeout: PUBLISH_MS })
  }

  return async (message) => {
    const connection = await link.use()
    checkSize(message, connection.info?.max_payload ?? MAX_MESSAGE_BYTES)
    try {
      await attempt(connection, message).catch((error: unknown) => {
        if (!isStreamGone(error)) throw error
        // Somebody removed the stream while we were connected.
        ready.delete(connection)
        return attempt(connection, message)
      })
    } catch (error) {
      throw publishFailure(error, link.shown)
    }
  }
}

function isStreamGone(error: unknown): boolean {
  return error instanceof NoRespondersError || (error instanceof RequestError && error.isNoResponders())
}

function publishFailure(error: unknown, shown: string): MlError {
  if (error instanceof MlError) return error
  if (!(error instanceof JetStreamApiError)) return unavailable(shown, error)
  return fail('unavailable', 'BUS_UNAVAILABLE', `NATS at ${shown} does not take events: ${error.message}`, {
    cause: error,
  })
}

interface Listener {
  readonly handler: (notice: Notice) => void | Promise<void>
  readonly log: Log
}

async function listen(link: NatsLink, pattern: string, { handler, log }: Listener): Promise<Subscription> {
  let stop = () => {}
  const receive = async (error: Error | null, message: Msg) => {
    try {
      if (error) throw error
      await handler({ subject: message.subject, data: message.data })
    } catch (cause) {
      log.warn({ err: cause, pattern }, 'the handler of a notice failed')
    }
  }
  const subscribe = (connection: NatsConnection) => {
    const callback = (error: Error | null, message: Msg) => void receive(error, message)
    const subscription = connection.subscribe(pattern, { callback })
    stop = () => subscription.unsubscribe()
  }
  const forget = link.onConnect(subscribe)
  const connection = await link.use().catch(() => undefined)
  // So that a notice sent after this resolves is not missed.
  await connection?.flush().catch(() => {})
  return {
    async close() {
      forget()
      stop()
    },
  }
}
