// The messages an in-process bus still has, oldest first, bounded in number and bytes, and the ids it has seen lately.
import type { BusMessage } from './index.ts'
import { DUPLICATE_WINDOW_MS } from './rules.ts'

export interface Stored extends BusMessage {
  readonly seq: number
  readonly time: Date
}

export interface History {
  /** Does nothing when the id was added within the duplicate window. */
  add(message: BusMessage, now: Date): void
  /** The first message at or after `seq` that is still there. */
  at(seq: number): Stored | undefined
  /** The sequence number the next message will get. */
  next(): number
  /** The first sequence number at or after `time`. */
  since(time: Date): number
  /** Resolves when a message is added. */
  added(): Promise<void>
}

export function createHistory(limits: { readonly messages: number; readonly bytes: number }): History {
  let first = 1
  let messages: Stored[] = []
  let dropped = 0 // at the front of `messages`; cut off in bulk, because shifting an array costs its length
  let bytes = 0
  const seen = new Map<string, number>()
  let wake = Promise.withResolvers<void>()
  const next = () => first + messages.length - dropped

  function forgetIds(nowMs: number): void {
    for (const [id, time] of seen) {
      if (nowMs - time < DUPLICATE_WINDOW_MS) return
      seen.delete(id)
    }
  }

  function trim(): void {
    while (messages.length - dropped > limits.messages || (bytes > limits.bytes && messages.length - dropped > 1)) {
      bytes -= messages[dropped]!.data.byteLength
      dropped++
      first++
    }
    if (dropped > 1000 && dropped * 2 > messages.length) {
      messages = messages.slice(dropped)
      dropped = 0
    }
  }

  return {
    add(message, now) {
      forgetIds(now.getTime())
      if (seen.has(message.id)) return
      seen.set(message.id, now.getTime())
      // A copy: the publisher may use its buffer again.
      messages.push({ ...message, data: Uint8Array.from(message.data), seq: next(), time: now })
      bytes += message.data.byteLength
      trim()
      wake.resolve()
      wake = Promise.withResolvers()
    },
    at: (seq) => messages[dropped + Math.max(0, seq - first)],
    next,
    since(time) {
      const index = messages.findIndex((message, i) => i >= dropped && message.time >= time)
      return index < 0 ? next() : messages[index]!.seq
    },
    added: () => wake.promise,
  }
}
