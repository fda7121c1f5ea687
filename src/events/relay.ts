// Carries events from the outbox to the bus: each at least once, normally once, those of one tenant in their order. Only
// one relay works at a time, because two that skipped each other's rows would publish a tenant's events out of order.
import { sql } from 'kysely'
import { pause } from '../core/backoff.ts'
import { systemClock } from '../core/clock.ts'
import { fail, MlError } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import { type Loop, startLoop, type Turn } from '../core/loop.ts'
import { traceContextOf } from '../core/trace.ts'
import type { Bus, BusMessage, Stored } from '../ports/bus/index.ts'
import { type Database, pollMs, type Row, type Tx } from '../ports/db/index.ts'

export interface RelayOptions {
  readonly db: Database
  readonly bus: Pick<Bus, 'publishInOrder'>
  readonly log: Log
  readonly onPublished?: (count: number) => void
  /** The floor under the wake-ups; default a second, or more where none is lost. */
  readonly pollMs?: number
  /** Events taken at a time; default 500. */
  readonly batchSize?: number
  /** How long published events are kept; default a day. */
  readonly keepSeconds?: number
}

type Waiting = Pick<Row<'outbox'>, 'seq' | 'id' | 'subject' | 'event'>

const POLL_MS = 1000
const RELAY_LOCK = 7_261_002
/** Below the time a transaction may take, in which the lock is held. */
const PUBLISH_TIMEOUT_MS = 30_000
const PRUNE_EVERY_MS = 600_000

export function startRelay(options: RelayOptions): Loop {
  const { db, log, keepSeconds = 86_400 } = options
  const restMs = options.pollMs ?? pollMs(db, POLL_MS)
  const onWake = (wake: () => void) => db.onWake('outbox', wake)
  let prunedAt = Number.NEGATIVE_INFINITY

  async function turn({ signal, idle }: Turn): Promise<void> {
    const more = await relayBatch(options, signal)
    if (systemClock.elapsedMs() - prunedAt > PRUNE_EVERY_MS) {
      await prune(db, keepSeconds)
      prunedAt = systemClock.elapsedMs()
    }
    if (!more) await idle(restMs)
  }

  return startLoop({ onWake, log, onFailure: 'events wait in the outbox: they cannot be published now' }, turn)
}

/** One batch. @returns whether there may be more. */
async function relayBatch(options: RelayOptions, signal: AbortSignal): Promise<boolean> {
  const { db, batchSize = 500, onPublished } = options
  // The lock is held while publishing. The embedded database has one connection, which must not wait for a network;
  // it also has one process, so there a note in memory is lock enough.
  const shared = db.status().kind === 'postgres'
  const outcome = shared ? await withDatabaseLock(db, batch) : await withLocalLock(db, batch)
  if (outcome === undefined) return false
  if (outcome.published.length > 0) onPublished?.(outcome.published.length)
  if (outcome.error !== undefined) throw outcome.error
  return outcome.full

  async function batch(inTransaction: Transact): Promise<Batch> {
    const rows = await inTransaction((tx) => nextEvents(tx, batchSize))
    const { published, error } = await publishAll(rows, options, signal)
    if (published.length > 0) await inTransaction((tx) => markPublished(tx, published))
    return { published, error, full: rows.length === batchSize }
  }
}

type Transact = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>

interface Batch {
  readonly published: readonly number[]
  readonly error: unknown
  readonly full: boolean
}

async function withDatabaseLock(db: Database, work: (tx: Transact) => Promise<Batch>): Promise<Batch | undefined> {
  return await db.system(async (tx) => {
    const { rows } = await sql<{ mine: boolean }>`select pg_try_advisory_xact_lock(${RELAY_LOCK}) as mine`.execute(tx)
    return rows[0]?.mine ? await work((step) => step(tx)) : undefined
  })
}

const relaying = new WeakSet<Database>()

async function withLocalLock(db: Database, work: (tx: Transact) => Promise<Batch>): Promise<Batch | undefined> {
  if (relaying.has(db)) return undefined
  relaying.add(db)
  try {
    return await work((step) => db.system(step))
  } finally {
    relaying.delete(db)
  }
}

function nextEvents(tx: Tx, limit: number): Promise<Waiting[]> {
  return tx
    .selectFrom('outbox')
    .select(['seq', 'id', 'subject', 'event'])
    .where('published_at', 'is', null)
    .orderBy('seq')
    .limit(limit)
    .execute()
}

async function markPublished(tx: Tx, published: readonly number[]): Promise<void> {
  await tx
    .updateTable('outbox')
    .set({ published_at: sql<Date>`now()` })
    .where('seq', '=', sql<number>`any(${[...published]}::bigint[])`)
    .execute()
}

async function prune(db: Database, keepSeconds: number): Promise<void> {
  await db.system((tx) =>
    tx
      .deleteFrom('outbox')
      .where('published_at', '<', sql<Date>`now() - make_interval(secs => ${keepSeconds}::double precision)`)
      .execute(),
  )
}

/** All in the order of the outbox. After one that fails none is published, of no tenant: what fails is the bus. */
async function publishAll(
  rows: readonly Waiting[],
  { bus, log }: RelayOptions,
  signal: AbortSignal,
): Promise<{ published: number[]; error: unknown }> {
  const messages = rows.map(messageOf)
  let done = 0
  while (done < rows.length && !signal.aborted) {
    const { count, error } = await inTime(bus.publishInOrder(messages.slice(done)))
    done += count
    if (error === undefined) continue
    if (!isRefusal(error)) return { published: seqs(rows, done), error }
    // It would be refused for ever and hold up everything behind it.
    log.error({ err: error, event_id: rows[done]!.id }, 'the bus refuses an event; it is left out')
    done++
  }
  return { published: seqs(rows, done), error: undefined }
}

const encoder = new TextEncoder()

function messageOf({ subject, id, event }: Waiting): BusMessage {
  const trace = traceContextOf(event)
  return { subject, id, data: encoder.encode(JSON.stringify(event)), ...(trace && { headers: { ...trace } }) }
}

function seqs(rows: readonly Waiting[], count: number): number[] {
  return rows.slice(0, count).map(({ seq }) => seq)
}

async function inTime(publishing: Promise<Stored>): Promise<Stored> {
  const late = new AbortController()
  const timeout = pause(PUBLISH_TIMEOUT_MS, late.signal).then(() => ({
    count: 0,
    error: fail('unavailable', 'BUS_TIMEOUT', 'The bus did not take events in time'),
  }))
  try {
    return await Promise.race([publishing, timeout])
  } finally {
    late.abort()
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof MlError && (error.kind === 'too_large' || error.kind === 'invalid')
}
