// Idempotency-Key: the first request with a key does the work, later ones get its reply for a day. The key is claimed
// before the work begins, and held by whoever works on it; when they fall silent, the next one may try. What the silent one
// still wants to commit is refused.
import { createHash, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { fail } from '../../core/failure.ts'
import { json, type Row, type Tx } from '../../ports/db/index.ts'
import { type Ctx, inTransaction, type Services, type TxCtx } from '../ctx.ts'
import { inBites } from '../in-bites.ts'

const KEEP_MS = 24 * 3_600_000
const LEASE_SECONDS = 15

export interface Keyed {
  readonly key: string
  readonly operation: string
  /** The checked input, and for an upload the digest of the file. */
  readonly request: unknown
}

interface Claim extends Keyed {
  readonly digest: string
  readonly holder: string
}

/** `work` is handed a ctx that can settle the key in a transaction of its own; where it does not, it is settled afterwards. */
export async function once<C extends Ctx, T>(ctx: C, keyed: Keyed, work: (ctx: C) => Promise<T>): Promise<T> {
  const digest = createHash('sha256').update(JSON.stringify(keyed.request)).digest('hex')
  const claim = { ...keyed, digest, holder: randomUUID() }
  const earlier = await take(ctx, claim)
  if (earlier) return replay(earlier, claim) as T
  const letGo = hold(ctx, claim)
  let settled = false
  const settleWith = async (tx: Tx, operation: string, reply: unknown) => {
    // One operation may do its work by another's verb.
    if (operation !== keyed.operation) return
    await settle(tx, claim, reply)
    settled = true
  }
  try {
    const reply = await work({ ...ctx, settle: settleWith })
    if (!settled) await inTransaction(ctx, ({ db }) => settle(db, claim, reply))
    return reply
  } catch (error) {
    // A failed request may be repeated under its key once its cause is mended.
    await release(ctx, claim).catch((cause: unknown) => ctx.log.warn({ err: cause }, 'key could not be released'))
    throw error
  } finally {
    letGo()
  }
}

type KeyRow = Row<'idempotency_keys'>

/** @returns the row of an earlier request with this key; none: it is ours. */
function take(ctx: Ctx, claim: Claim): Promise<KeyRow | undefined> {
  return inTransaction(ctx, async (ctx) => {
    for (;;) {
      if (await insert(ctx, claim)) return undefined
      const earlier = await ctx.db
        .selectFrom('idempotency_keys')
        .selectAll()
        .where('key', '=', claim.key)
        .executeTakeFirst()
      // None: it has failed, and let go of its key, between the two statements.
      if (earlier) return earlier
    }
  })
}

async function insert(ctx: TxCtx, { key, operation, digest, holder }: Claim): Promise<boolean> {
  const now = ctx.clock.now().getTime()
  await ctx.db
    .deleteFrom('idempotency_keys')
    .where('key', '=', key)
    .where((eb) =>
      eb.or([
        eb('created_at', '<', new Date(now - KEEP_MS)),
        eb.and([eb('status', 'is', null), eb('held_until', '<', sql<Date>`clock_timestamp()`)]),
      ]),
    )
    .execute()
  const inserted = await ctx.db
    .insertInto('idempotency_keys')
    .values({
      tenant_id: ctx.caller.tenantId,
      key,
      operation,
      request_sha256: digest,
      holder,
      held_until: leaseEnd(),
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'key']).doNothing())
    .returning('key')
    .executeTakeFirst()
  return inserted !== undefined
}

/** By the database's clock, which all replicas share. */
function leaseEnd() {
  return sql<Date>`clock_timestamp() + make_interval(secs => ${LEASE_SECONDS}::integer)`
}

/** Says again and again that somebody works on it. @returns what ends that. */
function hold(ctx: Ctx, { key, holder }: Claim): () => void {
  const touch = () =>
    inTransaction(ctx, ({ db }) =>
      db
        .updateTable('idempotency_keys')
        .set({ held_until: leaseEnd() })
        .where('key', '=', key)
        .where('holder', '=', holder)
        .execute(),
    ).catch(() => undefined) // the next beat tries again
  const timer = setInterval(() => void touch(), (LEASE_SECONDS * 1000) / 3)
  return () => clearInterval(timer)
}

function replay(row: KeyRow, { key, operation, digest }: Claim): unknown {
  if (row.operation !== operation || row.request_sha256 !== digest) {
    throw fail('conflict', 'IDEMPOTENCY_KEY_REUSED', `Idempotency-Key "${key}" was used for another request`)
  }
  if (row.status === null) throw inProgress(key)
  return row.reply
}

function inProgress(key: string): Error {
  const message = `The request with Idempotency-Key "${key}" is still being worked on`
  return fail('conflict', 'REQUEST_IN_PROGRESS', message, { retryAfterSeconds: 1 })
}

/** @throws `conflict` REQUEST_IN_PROGRESS where another has taken over meanwhile: what `tx` did is not to be committed. */
async function settle(tx: Tx, { key, holder }: Claim, reply: unknown): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('idempotency_keys')
    .set({ status: 200, reply: json(reply) })
    .where('key', '=', key)
    .where('holder', '=', holder)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) throw inProgress(key)
}

async function release(ctx: Ctx, { key, holder }: Claim): Promise<void> {
  await inTransaction(ctx, ({ db }) =>
    db
      .deleteFrom('idempotency_keys')
      .where('key', '=', key)
      .where('holder', '=', holder)
      .where('status', 'is', null)
      .execute(),
  )
}

/** Forgets the keys whose day is over. @returns how many. */
export function sweepKeys({ db, clock }: Services): Promise<number> {
  const before = new Date(clock.now().getTime() - KEEP_MS)
  return inBites(db, (tx, most) =>
    sql`delete from idempotency_keys where ctid = any (array(
      select ctid from idempotency_keys where created_at < ${before} limit ${most}))`.execute(tx),
  )
}
