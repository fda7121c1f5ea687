// The bus of a single process. Messages go into one bounded history; a subscription is a position in it, so a slow handler
// costs no memory, and what the history has dropped is lost to it, as with a stream's limits.
import { backoffMs, pause } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import { fail } from '../../core/failure.ts'
import { createHistory } from './history.ts'
import type { Bus, DeliveredMessage, Notice, Subscription } from './index.ts'
import type { BusOptions } from './open.ts'
import { createPosition, type Position } from './position.ts'
import {
  checkDurable,
  checkNoticePattern,
  checkNoticeSubject,
  checkPattern,
  DEFAULT_PREFIX,
  DEFAULT_REDELIVERY,
  MAX_MESSAGE_BYTES,
  matches,
  publishable,
} from './rules.ts'

const MAX_HISTORY = { messages: 10_000, bytes: 32 * 1024 * 1024 }

type Handler = (message: DeliveredMessage) => Promise<void>

export function openInProcessBus({
  log,
  prefix = DEFAULT_PREFIX,
  redelivery = DEFAULT_REDELIVERY,
}: Pick<BusOptions, 'log' | 'prefix' | 'redelivery'>): Bus {
  const history = createHistory(MAX_HISTORY)
  const durables = new Map<string, Position>()
  const open = new Set<Subscription>()
  const closing = new AbortController()

  /** Lets one handler work through a position until `stop` fires. */
  async function work(position: Position, handler: Handler, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const message = await position.take(stop)
      if (!message) return
      try {
        await handler(message)
      } catch (error) {
        const { subject, id, attempt } = message
        log.warn({ err: error, subject, event_id: id, attempt }, 'the handler of an event failed; it will come again')
        const waitMs = backoffMs(attempt - 1, redelivery)
        // Not by the stop signal: the message must be back even when another subscription of this name takes over.
        void pause(waitMs, closing.signal).then(() => position.putBack(message))
      }
    }
  }

  function track(close: () => Promise<void>): Subscription {
    const subscription = {
      close: async () => {
        open.delete(subscription)
        await close()
      },
    }
    open.add(subscription)
    return subscription
  }

  const listeners = new Set<{ readonly pattern: string; readonly handler: (notice: Notice) => void | Promise<void> }>()
  const bus: Bus = {
    async publish(message) {
      const { error } = await bus.publishInOrder([message])
      if (error !== undefined) throw error
    },
    async publishInOrder(messages) {
      const { good, refusal } = publishable(messages, prefix, MAX_MESSAGE_BYTES)
      if (closing.signal.aborted) {
        return { count: 0, error: refusal ?? fail('unavailable', 'BUS_UNAVAILABLE', 'The bus is closed') }
      }
      for (const message of good) history.add(message, systemClock.now())
      return { count: good.length, error: refusal }
    },
    async subscribe(pattern, handler, { durable, from = 'new', signal } = {}) {
      checkPattern(pattern, prefix)
      checkDurable(durable)
      const kept = durable === undefined ? undefined : durables.get(durable)
      const position = kept ?? createPosition(history, from)
      position.pattern = pattern
      if (durable !== undefined) durables.set(durable, position)
      const stopping = new AbortController()
      const stop = signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal
      const working = work(position, handler, stop)
      const subscription = track(async () => {
        stopping.abort()
        await working
      })
      stop.addEventListener('abort', () => open.delete(subscription), { once: true })
      if (stop.aborted) open.delete(subscription)
      return subscription
    },
    async notify(subject, data) {
      checkNoticeSubject(subject, prefix)
      for (const { pattern, handler } of listeners) {
        if (!matches(pattern, subject)) continue
        setImmediate(async () => {
          try {
            await handler({ subject, data })
          } catch (error) {
            log.warn({ err: error, subject }, 'the handler of a notice failed')
          }
        })
      }
    },
    async onNotify(pattern, handler) {
      checkNoticePattern(pattern)
      const listener = { pattern, handler }
      listeners.add(listener)
      return track(async () => {
        listeners.delete(listener)
      })
    },
    status: () => ({ connected: !closing.signal.aborted, url: 'in-process', subscriptions: open.size }),
    async ping() {
      if (closing.signal.aborted) throw fail('unavailable', 'BUS_UNAVAILABLE', 'The bus is closed')
    },
    async close() {
      closing.abort()
      await Promise.all([...open].map((subscription) => subscription.close()))
    },
  }
  return bus
}
