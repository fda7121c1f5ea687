// What only a bus on a server can suffer: the server away at the start, killed, hung, or back without its store.

import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { describe, expect, it } from 'vitest'
import { type Log, silentLog } from '../../src/core/log.ts'
import type { Bus, BusMessage } from '../../src/ports/bus/index.ts'
import { openNatsLink } from '../../src/ports/bus/nats-link.ts'
import { openBus } from '../../src/ports/bus/open.ts'
import { startNats } from '../servers/nats.ts'
import { servers } from '../servers/servers.ts'
import { aMessage, collector, openTestBus, ownStream } from './bus-backends.ts'

const { nats } = await servers('nats')
const away = { kind: 'unavailable', code: 'BUS_UNAVAILABLE' }

describe.skipIf(!nats)('the bus on NATS', () => {
  it('starts while the server is away and works when it comes', async () => {
    await using server = await startNats()
    await server.kill()
    await using place = await openTestBus({ url: server.url, ...ownStream() })
    const seen = collector()
    const { promise: noticed, resolve } = Promise.withResolvers<void>()
    await place.bus.subscribe(`${place.prefix}.>`, seen.handler)
    await place.bus.onNotify('wake', () => resolve())
    expect(place.bus.status()).toMatchObject({ connected: false, subscriptions: 2 })
    await expect(place.bus.publish(aMessage(`${place.prefix}.a`))).rejects.toMatchObject(away)
    await expect(place.bus.ping()).rejects.toMatchObject(away)
    await place.bus.notify('wake', Buffer.from('lost, without a failure'))
    await server.restart()
    await untilConnected(place.bus)
    await publishUntilSeen(place, seen)
    await place.bus.notify('wake', Buffer.from(''))
    await noticed
  })

  it('stays connected where a listener of new connections fails', async () => {
    await using server = await startNats()
    const link = openNatsLink({ url: server.url, name: 'test', log: silentLog })
    let told = 0
    link.onConnect(() => {
      told++
      throw new Error('the connection is closed already')
    })
    const connection = await link.use()
    await connection.close()
    while (told < 2) await sleep(20)
    await link.close()
  })

  it('delivers everything that was accepted across kill -9 and restart', async () => {
    await using server = await startNats()
    await using place = await openTestBus({ url: server.url, ...ownStream() })
    const [plain, durable] = [collector(), collector()]
    await place.bus.subscribe(`${place.prefix}.>`, plain.handler)
    await place.bus.subscribe(`${place.prefix}.>`, durable.handler, { durable: 'hooks' })
    const accepted: string[] = []
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20; i++) {
        const message = aMessage(`${place.prefix}.a`)
        if (i === 10) await server.kill()
        const stored = await place.bus.publish(message).then(
          () => true,
          () => false,
        )
        if (stored) accepted.push(message.id)
      }
      expect(place.bus.status().connected).toBe(false)
      await server.restart()
      await untilConnected(place.bus)
    }
    expect(accepted.length).toBeGreaterThanOrEqual(30)
    for (const seen of [plain, durable]) await untilSeen(seen, accepted)
  })

  it('stores what is published in order without a gap, though others publish between and the server dies', async () => {
    await using server = await startNats()
    const own = ownStream()
    await using place = await openTestBus({ url: server.url, ...own })
    await using other = await openTestBus({ url: server.url, ...own })
    const messages = Array.from({ length: 2000 }, () => aMessage(`${place.prefix}.ours`))
    const stop = new AbortController()
    let theirs = 0
    const between = (async () => {
      while (!stop.signal.aborted) {
        const stored = other.bus.publish(aMessage(`${place.prefix}.theirs`))
        await stored.then(
          () => theirs++,
          () => sleep(20),
        )
      }
    })()
    const ours = (async () => {
      for (let done = 0; done < messages.length; ) done += (await place.bus.publishInOrder(messages.slice(done))).count
    })()
    while (theirs < 20) await sleep(1)
    await server.kill()
    await server.restart()
    await ours
    stop.abort()
    await between
    const seen = collector()
    const from = new Date(Date.now() - 60_000)
    await place.bus.subscribe(`${place.prefix}.ours`, seen.handler, { from })
    await untilSeen(seen, [messages.at(-1)!.id])
    expect(seen.messages.map(({ id }) => id)).toEqual(messages.map(({ id }) => id))
  })

  it('makes its stream and subscriptions again when the server has lost its store', async () => {
    await using server = await startNats()
    await using place = await openTestBus({ url: server.url, ...ownStream() })
    const [plain, durable] = [collector(), collector()]
    await place.bus.subscribe(`${place.prefix}.>`, plain.handler)
    await place.bus.subscribe(`${place.prefix}.>`, durable.handler, { durable: 'hooks' })
    await place.bus.publish(aMessage(`${place.prefix}.a`))
    await Promise.all([plain.received(1), durable.received(1)])
    await server.restart({ fresh: true })
    await untilConnected(place.bus)
    const after = aMessage(`${place.prefix}.a`)
    await publishAccepted(place.bus, after)
    await untilSeen(plain, [after.id])
    await untilSeen(durable, [after.id])
  })

  it('makes its stream and subscriptions again when somebody deletes the stream', async () => {
    await using server = await startNats()
    const own = ownStream()
    await using place = await openTestBus({ url: server.url, ...own })
    const seen = collector()
    await place.bus.subscribe(`${place.prefix}.>`, seen.handler)
    await place.bus.publish(aMessage(`${place.prefix}.a`))
    await seen.received(1)
    await withManager(server.url, (manager) => manager.streams.delete(own.stream.name))
    const after = aMessage(`${place.prefix}.a`)
    await publishAccepted(place.bus, after)
    await untilSeen(seen, [after.id])
  })

  it('fails a publish, instead of hanging, while the server hangs', async () => {
    await using server = await startNats()
    await using place = await openTestBus({ url: server.url, ...ownStream() })
    await place.bus.publish(aMessage(`${place.prefix}.a`))
    server.freeze()
    await expect(place.bus.publish(aMessage(`${place.prefix}.a`))).rejects.toMatchObject(away)
    await expect(place.bus.ping()).rejects.toMatchObject(away)
    server.thaw()
    await untilConnected(place.bus)
    await publishAccepted(place.bus, aMessage(`${place.prefix}.a`))
  })

  it('delivers again what a handler held while the server was restarted', async () => {
    await using server = await startNats()
    await using place = await openTestBus({ url: server.url, ackWaitMs: 1000, ...ownStream() })
    const seen = collector()
    let first = true
    await place.bus.subscribe(`${place.prefix}.>`, async (message) => {
      if (first) {
        first = false
        await server.kill()
        await server.restart()
        throw new Error('the handler was hit as well')
      }
      await seen.handler(message)
    })
    await place.bus.publish(aMessage(`${place.prefix}.a`, 'hard'))
    await seen.received(1)
    expect(seen.texts()).toContain('hard')
  })

  it('lets a handler take longer than an acknowledgement may', async () => {
    await using place = await openTestBus({ url: nats!.url, ackWaitMs: 300, ...ownStream() })
    const seen = collector()
    await place.bus.subscribe(`${place.prefix}.>`, async (message) => {
      await seen.handler(message)
      await sleep(1000)
    })
    await place.bus.publish(aMessage(`${place.prefix}.a`, 'long'))
    await place.bus.publish(aMessage(`${place.prefix}.a`, 'next'))
    await seen.received(2)
    expect(seen.texts()).toEqual(['long', 'next'])
  })

  it('makes a bounded stream with a window for duplicates, and adjusts one that differs', async () => {
    const own = ownStream()
    const [small, large] = [own, { ...own, stream: { ...own.stream, maxBytes: 8 << 20, maxAgeSeconds: 3600 } }]
    for (const options of [small, large]) {
      await using place = await openTestBus({ url: nats!.url, ...options })
      await place.bus.publish(aMessage(`${place.prefix}.a`))
    }
    const info = await withManager(nats!.url, (manager) => manager.streams.info(own.stream.name))
    expect(info.config).toMatchObject({
      subjects: [`${own.prefix}.>`],
      max_bytes: 8 << 20,
      max_age: 3600e9,
      duplicate_window: 120e9,
      discard: 'old',
      storage: 'file',
    })
    expect(info.state.messages).toBe(2)
  })

  it('shows credentials nowhere', async () => {
    const lines: string[] = []
    const log = remembering(lines)
    const { host } = new URL(nats!.url)
    const own = ownStream()
    const options = { ...own, log, url: `nats://modelyard:wrong-secret@${host}` }
    const bus = await openBus(options)
    const error = await bus.publish(aMessage(`${own.prefix}.a`)).catch((error: unknown) => error)
    expect(bus.status().url).toBe(`nats://${host}`)
    expect(`${error}${(error as Error).stack}${JSON.stringify(error)}`).not.toContain('wrong-secret')
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.join()).not.toContain('wrong-secret')
    await bus.close()
    await expect(openBus({ log, url: 'nats://u:wrong-secret@host:port:port' })).rejects.toThrow(/NATS_URL/)
  })

  it('leaves no consumer behind when a subscription without a name closes', async () => {
    const own = ownStream()
    await using place = await openTestBus({ url: nats!.url, ...own })
    const subscription = await place.bus.subscribe(`${place.prefix}.>`, async () => {})
    const count = () =>
      withManager(nats!.url, async (manager) => (await manager.streams.info(own.stream.name)).state.consumer_count)
    expect(await count()).toBe(1)
    await subscription.close()
    expect(await count()).toBe(0)
  })
})

async function untilConnected(bus: Bus): Promise<void> {
  while (!bus.status().connected) await sleep(20)
}

/** Publishes as the relay does: the same id again until it is taken. */
async function publishAccepted(bus: Bus, message: BusMessage): Promise<void> {
  for (;;) {
    const stored = await bus.publish(message).then(
      () => true,
      () => false,
    )
    if (stored) return
    await sleep(50)
  }
}

async function untilSeen({ messages }: ReturnType<typeof collector>, ids: readonly string[]): Promise<void> {
  while (!ids.every((id) => messages.some((message) => message.id === id))) await sleep(20)
}

/** A subscription that begins with what is new stands a moment after the connection does. */
async function publishUntilSeen(
  { bus, prefix }: { readonly bus: Bus; readonly prefix: string },
  seen: ReturnType<typeof collector>,
): Promise<void> {
  while (seen.messages.length === 0) {
    await bus.publish(aMessage(`${prefix}.a`))
    await sleep(20)
  }
}

async function withManager<T>(
  url: string,
  work: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>,
): Promise<T> {
  const { username, password, host } = new URL(url)
  const connection = await connect({ servers: host, user: username, pass: password })
  try {
    return await work(await jetstreamManager(connection))
  } finally {
    await connection.close()
  }
}

function remembering(lines: string[]): Log {
  const line = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  return { ...silentLog, info: line, warn: line, error: line, child: () => remembering(lines) }
}
