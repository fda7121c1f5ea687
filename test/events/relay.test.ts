// Outbox and relay over both databases: every event arrives, in the order of its tenant, whatever the bus does meanwhile.
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { fail } from '../../src/core/failure.ts'
import { silentLog } from '../../src/core/log.ts'
import type { Loop } from '../../src/core/loop.ts'
import { appendEvent, eventSubject, makeEvent } from '../../src/events/outbox.ts'
import { type RelayOptions, startRelay } from '../../src/events/relay.ts'
import type { Database } from '../../src/ports/db/index.ts'
import { BACKENDS, type Backend, startBackend } from '../ports/db-backends.ts'

interface Arrival {
  readonly id: string
  readonly subject: string
  readonly event: { readonly data: { readonly n: number } } & Record<string, unknown>
}

describe.each(BACKENDS)('events: %s', (name) => {
  let backend: Backend
  let db: Database
  let arrivals: Arrival[] = []
  /** What the bus does with an event before it takes it. */
  let bus: (id: string) => Promise<void> | void = () => {}
  const relays: Loop[] = []

  function relay(options: Partial<RelayOptions> = {}): Loop {
    const publishInOrder: RelayOptions['bus']['publishInOrder'] = async (messages) => {
      for (const [count, { subject, id, data }] of messages.entries()) {
        try {
          await bus(id)
        } catch (error) {
          return { count, error }
        }
        arrivals.push({ id, subject, event: JSON.parse(new TextDecoder().decode(data)) })
      }
      return { count: messages.length, error: undefined }
    }
    const relay = startRelay({ db, bus: { publishInOrder }, log: silentLog, pollMs: 200, ...options })
    relays.push(relay)
    return relay
  }
  const anEvent = (tenantId: string, n: number) =>
    makeEvent({
      type: 'ml.model.trained',
      source: 'test',
      subject: `model_${n}`,
      tenantId,
      requestId: 'req_1',
      data: { n },
      clock: systemClock,
    })
  const append = (tenantId: string, n: number) => db.tenant(tenantId, (tx) => appendEvent(tx, anEvent(tenantId, n)))
  const numbersOf = (tenantId: string) =>
    arrivals.filter(({ subject }) => subject === eventSubject(tenantId)).map(({ event }) => event.data.n)
  const count = (n: number) => Array.from({ length: n }, (_, i) => i)

  beforeAll(async () => {
    backend = await startBackend(name, { durable: true })
    db = await backend.create()
  })
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.stop()))
    arrivals = []
    bus = () => {}
    await db.system((tx) => tx.deleteFrom('outbox').execute())
  })
  afterAll(() => backend.stop())

  it('carries an event to the subject of its tenant, as CloudEvents', async () => {
    relay()
    await append('acme.eu', 1)
    await expect.poll(() => arrivals.length).toBe(1)
    const [{ id, subject, event }] = arrivals as [Arrival]
    expect(subject).toBe('ml.events.acme.eu')
    expect(event).toMatchObject({
      specversion: '1.0',
      id,
      source: 'test',
      type: 'ml.model.trained',
      subject: 'model_1',
      datacontenttype: 'application/json',
      tenantid: 'acme.eu',
      requestid: 'req_1',
      data: { n: 1, event_type: 'ml.model.trained', tenant_id: 'acme.eu' },
    })
  })

  it('never tells of a change that was undone', async () => {
    relay()
    const undone = db.tenant('a', async (tx) => {
      await appendEvent(tx, anEvent('a', 1))
      throw new Error('undone')
    })
    await expect(undone).rejects.toThrow('undone')
    await append('a', 2)
    await expect.poll(() => numbersOf('a')).toEqual([2])
  })

  it('keeps the order of a tenant though a later event is ready first', async () => {
    relay()
    const added = Promise.withResolvers<void>()
    const commit = Promise.withResolvers<void>()
    const slow = db.tenant('a', async (tx) => {
      await appendEvent(tx, anEvent('a', 0))
      added.resolve()
      await commit.promise
    })
    await added.promise
    const quick = append('a', 1)
    setTimeout(commit.resolve, 300)
    await Promise.all([slow, quick])
    await expect.poll(() => arrivals.length).toBe(2)
    expect(numbersOf('a')).toEqual([0, 1])
  })

  it('carries what many write at once, in batches', async () => {
    relay({ batchSize: 7 })
    await Promise.all(count(60).map((n) => append(n % 3 === 0 ? 'b' : 'a', n)))
    await expect.poll(() => arrivals.length).toBe(60)
    expect(new Set(arrivals.map(({ id }) => id)).size).toBe(60)
  })

  it('holds events back while the bus is away, and carries them in order once it is there', async () => {
    let attempts = 0
    bus = () => {
      attempts++
      throw fail('unavailable', 'BUS_UNAVAILABLE', 'away')
    }
    relay()
    for (const n of count(5)) await append('a', n)
    await expect.poll(() => attempts).toBeGreaterThan(2)
    expect(arrivals).toEqual([])
    bus = () => {}
    await expect.poll(() => numbersOf('a'), { timeout: 10_000 }).toEqual(count(5))
  })

  it('goes on where it stopped when the bus fails in the middle of a batch', async () => {
    let taken = 0
    bus = () => {
      if (++taken === 4) throw fail('unavailable', 'BUS_UNAVAILABLE', 'gone')
    }
    for (const n of count(10)) await append('a', n)
    relay()
    await expect.poll(() => numbersOf('a'), { timeout: 10_000 }).toEqual(count(10))
  })

  it('leaves out an event that the bus will never take', async () => {
    const poison = anEvent('a', 1)
    bus = (id) => {
      if (id === poison.id) throw fail('too_large', 'MESSAGE_TOO_LARGE', 'too large')
    }
    await append('a', 0)
    await db.tenant('a', (tx) => appendEvent(tx, poison))
    await append('a', 2)
    relay()
    await expect.poll(() => numbersOf('a')).toEqual([0, 2])
  })

  it('publishes each event once and in order with several relays at work', async () => {
    bus = () => new Promise((resolve) => setTimeout(resolve, 2))
    for (let i = 0; i < 3; i++) relay({ batchSize: 5 })
    for (const n of count(40)) await append('a', n)
    await expect.poll(() => arrivals.length, { timeout: 10_000 }).toBe(40)
    expect(numbersOf('a')).toEqual(count(40))
  })

  it('publishes the rest after a restart', async () => {
    const first = relay({ batchSize: 1 })
    bus = () => new Promise((resolve) => setTimeout(resolve, 5))
    for (const n of count(20)) await append('a', n)
    await first.stop()
    const before = arrivals.length
    expect(before).toBeLessThan(20)
    relay()
    await expect.poll(() => numbersOf('a')).toEqual(count(20))
  })

  it('forgets published events after a while and never waiting ones', async () => {
    await db.system((tx) =>
      sql`insert into outbox (id, tenant_id, subject, event, created_at, published_at) values
          ('old', 'a', 's', '{}', now() - interval '3 hours', now() - interval '2 hours'),
          ('new', 'a', 's', '{}', now() - interval '3 hours', now())`.execute(tx),
    )
    await append('a', 2)
    relay({ keepSeconds: 3600 })
    const ids = () =>
      db.system((tx) => tx.selectFrom('outbox').select('id').where('id', 'in', ['old', 'new']).execute())
    await expect.poll(ids).toEqual([{ id: 'new' }])
    expect(numbersOf('a')).toEqual([2])
  })

  it('reports how many it has published', async () => {
    let published = 0
    relay({ onPublished: (count) => (published += count) })
    for (const n of count(3)) await append('a', n)
    await expect.poll(() => published).toBe(3)
  })

  if (name === 'embedded') return

  it('loses nothing when the database dies while events are on their way', async () => {
    bus = () => new Promise((resolve) => setTimeout(resolve, 10))
    relay({ batchSize: 10 })
    for (const n of count(30)) await append('a', n)
    await backend.server!.kill()
    await backend.server!.restart()
    const distinct = () => [...new Set(numbersOf('a'))]
    await expect.poll(() => distinct().length, { timeout: 20_000 }).toBe(30)
    expect(distinct()).toEqual(count(30))
  })
})

it('writes tenants whose dots would make an empty token in another way', () => {
  expect(eventSubject('a.b')).toBe('ml.events.a.b')
  expect(eventSubject('a..b')).toBe('ml.events.a%2E%2Eb')
  expect(eventSubject('.')).toBe('ml.events.%2E')
})
