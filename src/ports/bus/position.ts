// Where a subscription of the in-process bus stands: the next message of the history, and those that must come again.
import type { History, Stored } from './history.ts'
import type { DeliveredMessage } from './index.ts'
import { matches } from './rules.ts'

export interface Position {
  pattern: string
  /** The next message, waiting for it; undefined once `stop` fires. */
  take(stop: AbortSignal): Promise<DeliveredMessage | undefined>
  /** To be delivered again, before anything new. */
  putBack(message: DeliveredMessage): void
}

export function createPosition(history: History, from: 'new' | Date): Position {
  let next = from === 'new' ? history.next() : history.since(from)
  const again: DeliveredMessage[] = []
  let wake = Promise.withResolvers<void>()

  function find(pattern: string): DeliveredMessage | undefined {
    const repeated = again.shift()
    if (repeated) return { ...repeated, attempt: repeated.attempt + 1 }
    for (let message = history.at(next); message; message = history.at(next)) {
      next = message.seq + 1
      if (matches(pattern, message.subject)) return delivered(message)
    }
    return undefined
  }

  const position: Position = {
    pattern: '',
    async take(stop) {
      const { promise: stopped, resolve } = Promise.withResolvers<void>()
      const onStop = () => resolve()
      stop.addEventListener('abort', onStop, { once: true })
      try {
        while (!stop.aborted) {
          const message = find(position.pattern)
          if (message) return message
          await Promise.race([history.added(), wake.promise, stopped])
        }
        return undefined
      } finally {
        stop.removeEventListener('abort', onStop)
      }
    },
    putBack(message) {
      again.push(message)
      wake.resolve()
      wake = Promise.withResolvers()
    },
  }
  return position
}

function delivered({ subject, id, data, headers = {}, time }: Stored): DeliveredMessage {
  return { subject, id, data, headers, time, attempt: 1 }
}
