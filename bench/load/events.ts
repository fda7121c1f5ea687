// Events on real servers (PostgreSQL, NATS): a backlog through the outbox, from commit to subscriber one at a time, and a query over
// NATS. Each beside what NATS itself takes for the same on the same connection. Arguments: events of the backlog, tenants, rounds.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from '@nats-io/transport-node'
import { createApp } from '../../src/app.ts'
import { createNatsClient } from '../../src/client-nats.ts'
import { loadConfig } from '../../src/config.ts'
import { systemClock } from '../../src/core/clock.ts'
import { silentLog } from '../../src/core/log.ts'
import { appendEvent, eventSubject, makeEvent } from '../../src/events/outbox.ts'
import { openBus } from '../../src/ports/bus/open.ts'
import { json, wake } from '../../src/ports/db/index.ts'
import { startNats } from '../../test/servers/nats.ts'
import { startPostgres } from '../../test/servers/postgres.ts'
import { spread, writeResult } from '../result.ts'

const BACKLOG = Number(process.argv[2] ?? 20_000)
const TENANTS = Number(process.argv[3] ?? 20)
const ROUNDS = Number(process.argv[4] ?? 3)
const SINGLES = 300
const QUERIES = 1000
const A_STATEMENT = 1000

const [postgres, nats] = await Promise.all([startPostgres({ durable: true }), startNats()])
const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-events-'))
const overrides = { dataDir, databaseUrl: postgres.url, enableNats: true, natsUrl: nats.url, runWorker: false }
const app = await createApp(loadConfig({ env: {}, overrides }), { log: silentLog })
await app.begun
await app.listen({ port: 0 })
const { db } = app.services
const bus = await openBus({ url: nats.url, name: 'bench', log: silentLog })

/** When each event arrived, on the monotonic clock. */
const arrived = new Map<string, number>()
let complete: { readonly count: number; readonly resolve: () => void } | undefined
await bus.subscribe('ml.events.>', async ({ id }) => {
  arrived.set(id, performance.now())
  if (complete && arrived.size >= complete.count) complete.resolve()
})
const arrivalOf = (count: number) => new Promise<void>((resolve) => (complete = { count, resolve }))

function eventOf(tenantId: string, number: number) {
  const data = { model_id: 'model_01', version: '1.0.0', number }
  return makeEvent({
    type: 'ml.model.deployed',
    source: 'bench',
    subject: 'model_01',
    tenantId,
    data,
    clock: systemClock,
  })
}
const rowOf = (event: ReturnType<typeof eventOf>) => ({
  id: event.id,
  tenant_id: event.tenantid,
  subject: eventSubject(event.tenantid),
  event: json(event),
})
const tenantOf = (i: number) => `tenant-${i % TENANTS}`

/** Events a second, from the commit of all to the last at the subscriber. */
async function outbox(tenants: number): Promise<number> {
  arrived.clear()
  const all = arrivalOf(BACKLOG)
  await db.system(async (tx) => {
    for (let from = 0; from < BACKLOG; from += A_STATEMENT) {
      const events = Array.from({ length: Math.min(A_STATEMENT, BACKLOG - from) }, (_, i) =>
        eventOf(`tenant-${(from + i) % tenants}`, from + i),
      )
      await tx.insertInto('outbox').values(events.map(rowOf)).execute()
    }
    wake(tx, 'outbox')
  })
  const committed = performance.now()
  await all
  return BACKLOG / ((performance.now() - committed) / 1000)
}

/** The same published directly, in their order. */
async function direct(): Promise<number> {
  arrived.clear()
  const all = arrivalOf(BACKLOG)
  const messages = Array.from({ length: BACKLOG }, (_, i) => messageOf(eventOf(tenantOf(i), i)))
  const started = performance.now()
  const { error } = await bus.publishInOrder(messages)
  if (error !== undefined) throw error
  await all
  return BACKLOG / ((performance.now() - started) / 1000)
}

function messageOf(event: ReturnType<typeof eventOf>) {
  const data = new TextEncoder().encode(JSON.stringify(event))
  return { subject: eventSubject(event.tenantid), id: event.id, data }
}

async function latencies(send: (event: ReturnType<typeof eventOf>) => Promise<number>): Promise<number[]> {
  arrived.clear()
  const times: number[] = []
  for (let i = 0; i < SINGLES; i++) {
    const event = eventOf(tenantOf(i), i)
    const sent = await send(event)
    while (!arrived.has(event.id)) await new Promise((resolve) => setImmediate(resolve))
    times.push(arrived.get(event.id)! - sent)
    await sleep(5)
  }
  return times
}

async function timesOf(ask: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < QUERIES; i++) {
    const started = performance.now()
    await ask()
    times.push(performance.now() - started)
  }
  return times
}

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))]!

const client = await createNatsClient({ url: nats.url })
const { id: model_id } = await client.models.create({ name: 'bench', type: 'classification' })
const { username, password, host } = new URL(nats.url)
const bare = await connect({ servers: host, user: username, pass: password })
bare.subscribe('bench.echo', { callback: (_, message) => void message.respond(message.data) })
const document = new TextEncoder().encode(JSON.stringify(await client.models.get({ model_id })))

const series = {
  outbox: [],
  alone: [],
  direct: [],
  commit: [],
  commit99: [],
  published: [],
  query: [],
  query99: [],
  echo: [],
}
const into = series as unknown as Record<keyof typeof series, number[]>
for (let round = 0; round <= ROUNDS; round++) {
  const found: Record<keyof typeof series, number> = {
    direct: await direct(),
    outbox: await outbox(TENANTS),
    alone: await outbox(1),
    ...both('commit', 'commit99', await latencies(committed)),
    published: quantile(await latencies(published), 0.5),
    ...both('query', 'query99', await timesOf(() => client.models.get({ model_id }))),
    echo: quantile(await timesOf(() => bare.request('bench.echo', document)), 0.5),
  }
  // The first warms everything up.
  if (round > 0) for (const name of Object.keys(found) as (keyof typeof series)[]) into[name].push(found[name])
}

function both<A extends string, B extends string>(a: A, b: B, times: readonly number[]) {
  return { [a]: quantile(times, 0.5), [b]: quantile(times, 0.99) } as Record<A | B, number>
}

async function committed(event: ReturnType<typeof eventOf>): Promise<number> {
  await db.system((tx) => appendEvent(tx, event))
  return performance.now()
}

async function published(event: ReturnType<typeof eventOf>): Promise<number> {
  const started = performance.now()
  await bus.publish(messageOf(event))
  return started
}

const ratio = (a: readonly number[], b: readonly number[]) => spread(a.map((value, i) => value / b[i]!))
await writeResult('load-events', {
  what: `${BACKLOG} events of ${TENANTS} tenants; ${SINGLES} single ones; ${QUERIES} queries; PostgreSQL with fsync`,
  rounds: ROUNDS,
  'through the outbox, events a second': spread(into.outbox),
  'through the outbox, one tenant, events a second': spread(into.alone),
  'published directly, events a second': spread(into.direct),
  'outbox over direct': ratio(into.outbox, into.direct),
  'commit to subscriber, p50 ms': spread(into.commit),
  'commit to subscriber, p99 ms': spread(into.commit99),
  'direct publish to subscriber, p50 ms': spread(into.published),
  'NATS query models.get, p50 ms': spread(into.query),
  'NATS query models.get, p99 ms': spread(into.query99),
  'bare NATS request of the same size, p50 ms': spread(into.echo),
})
await Promise.all([client.close(), bare.close(), bus.close()])
await app.stop()
await Promise.all([postgres.stop(), nats.stop()])
await rm(dataDir, { recursive: true })
process.exit(0)
