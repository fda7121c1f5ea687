// The bus on NATS: JetStream for events, core NATS for notices.
import type { Msg, NatsConnection } from '@nats-io/transport-node'
import type { Log } from '../../core/log.ts'
import type { Bus, Notice, Subscription } from './index.ts'
import { type NatsLink, openNatsLink } from './nats-link.ts'
import { createPublisher } from './nats-publisher.ts'
import { streamSettings } from './nats-stream.ts'
import { subscribeNats } from './nats-subscription.ts'
import type { BusOptions } from './open.ts'
import {
  checkDurable,
  checkNoticePattern,
  checkNoticeSubject,
  checkPattern,
  DEFAULT_PREFIX,
  DEFAULT_REDELIVERY,
} from './rules.ts'

const DEFAULT_ACK_WAIT_MS = 30_000

export function openNatsBus(options: BusOptions & { readonly url: string }): Bus {
  const { log, prefix = DEFAULT_PREFIX, redelivery = DEFAULT_REDELIVERY, ackWaitMs = DEFAULT_ACK_WAIT_MS } = options
  const link = openNatsLink({ url: options.url, name: options.name ?? 'modelyard', log })
  const settings = streamSettings(prefix, options.stream ?? {})
  const publishInOrder = createPublisher({ link, settings, prefix })
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
      const { error } = await publishInOrder([message])
      if (error !== undefined) throw error
    },
    publishInOrder,
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
