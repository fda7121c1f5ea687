// Idempotency-Key: the first request with a key does the work, later ones get its reply for a day. The key is claimed
// before the work begins; a claim whose owner died without an answer is free again after a while.
import { createHash } from 'node:crypto'
import { fail } from '../../core/failure.ts'
import { json, type Row } from '../../ports/db/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'

const KEEP_MS = 24 * 3_600_000
const ABANDONED_MS = 10 * 60_000

export interface Keyed {
  readonly key: string
  readonly operation: string
  /** The checked input, and for an upload the digest of the file. */
  readonly request: unknown
}

export async function once<T>(ctx: Ctx, keyed: Keyed, work: () => Promise<T>): Promise<T> {
  const digest = createHash('sha256').update(JSON.stringify(keyed.request)).digest('hex')
  const earlier = await claim(ctx, keyed, digest)
  if (earlier) return replay(earlier, keyed, digest) as T
  try {
    const reply = await work()
    await settle(ctx, keyed.key, reply)
    return reply
  } catch (error) {
    // A failed request may be repeated under its key once its cause is mended.
    await release(ctx, keyed.key).catch((cause: unknown) => ctx.log.warn({ err: cause }, 'key could not be released'))
    throw error
  }
}

type KeyRow = Row<'idempotency_keys'>

function claim(ctx: Ctx, { key, operation }: Keyed, digest: string): Promise<KeyRow | undefined> {
  return inTransaction(ctx, async (ctx) => {
    const now = ctx.clock.now().getTime()
    await ctx.db
      .deleteFrom('idempotency_keys')
      .where('key', '=', key)
      .where((eb) =>
        eb.or([
          eb('created_at', '<', new Date(now - KEEP_MS)),
          eb.and([eb('status', 'is', null), eb('created_at', '<', new Date(now - ABANDONED_MS))]),
        ]),
      )
      .execute()
    const inserted = await ctx.db
      .insertInto('idempotency_keys')
      .values({ tenant_id: ctx.caller.tenantId, key, operation, request_sha256: digest })
      .onConflict((conflict) => conflict.columns(['tenant_id', 'key']).doNothing())
      .returning('key')
      .executeTakeFirst()
    if (inserted) return undefined
    return ctx.db.selectFrom('idempotency_keys').selectAll().where('key', '=', key).executeTakeFirstOrThrow()
  })
}

function replay(row: KeyRow, { key, operation }: Keyed, digest: string): unknown {
  if (row.operation !== operation || row.request_sha256 !== digest) {
    throw fail('conflict', 'IDEMPOTENCY_KEY_REUSED', `Idempotency-Key "${key}" was used for another request`)
  }
  if (row.status === null) {
    throw fail(
      'conflict',
      'REQUEST_IN_PROGRESS',
      `The request with Idempotency-Key "${key}" is still being worked on`,
      {
        retryAfterSeconds: 1,
      },
    )
  }
  return row.reply
}

async function settle(ctx: Ctx, key: string, reply: unknown): Promise<void> {
  await inTransaction(ctx, (ctx) =>
    ctx.db
      .updateTable('idempotency_keys')
      .set({ status: 200, reply: json(reply) })
      .where('key', '=', key)
      .execute(),
  )
}

async function release(ctx: Ctx, key: string): Promise<void> {
  await inTransaction(ctx, (ctx) => ctx.db.deleteFrom('idempotency_keys').where('key', '=', key).execute())
}
