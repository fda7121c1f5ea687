// Both back ends of the bus port, each bus with subjects and a stream of its own.
import { randomUUID } from 'node:crypto'
import { silentLog } from '../../src/core/log.ts'
import type { Bus, BusMessage, DeliveredMessage } from '../../src/ports/bus/index.ts'
import { type BusOptions, openBus } from '../../src/ports/bus/open.ts'
import { servers } from '../servers/servers.ts'

const { nats } = await servers('nats')

export interface BusBackend {
  readonly name: string
  readonly missing: boolean
  open(): Promise<TestBus>
}

export interface TestBus extends AsyncDisposable {
  readonly bus: Bus
  readonly prefix: string
}

export const backends: readonly BusBackend[] = [
  { name: 'in-process', missing: false, open: () => openTestBus({ prefix: newPrefix() }) },
  { name: 'NATS', missing: !nats, open: () => openTestBus({ url: nats!.url, ...ownStream() }) },
]

function newPrefix(): string {
  return `test.${randomUUID().slice(0, 8)}`
}

/** A prefix and a small stream for it, so that tests on one server do not meet. */
export function ownStream() {
  const prefix = newPrefix()
  return { prefix, stream: { name: `TEST_${prefix.slice(5)}`, maxBytes: 4 << 20 } }
}

export async function openTestBus(options: Omit<BusOptions, 'log'> & { readonly prefix: string }): Promise<TestBus> {
  const redelivery = { initialMs: 20, maxMs: 100 }
  const bus = await openBus({ log: silentLog, redelivery, ...options })
  return { bus, prefix: options.prefix, [Symbol.asyncDispose]: () => bus.close() }
}

let count = 0
export function aMessage(subject: string, text = 'x'): BusMessage {
  return { subject, id: `m${++count}`, data: Buffer.from(text) }
}

export function textOf({ data }: { readonly data: Uint8Array }): string {
  return Buffer.from(data).toString()
}

/** A handler that remembers, and a promise for the moment when enough has come. */
export function collector() {
  const messages: DeliveredMessage[] = []
  const waiting: { readonly count: number; readonly resolve: () => void }[] = []
  return {
    messages,
    texts: () => messages.map(textOf),
    handler: async (message: DeliveredMessage) => {
      messages.push(message)
      for (const one of waiting) if (messages.length >= one.count) one.resolve()
    },
    async received(count: number): Promise<void> {
      if (messages.length >= count) return
      await new Promise<void>((resolve) => waiting.push({ count, resolve }))
    },
  }
}
