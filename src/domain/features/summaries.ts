// What a service makes of the interactions that name a user, kept beside the database until the next one is recorded. Who records puts
// a new mark there, once it has committed; what was made under another mark counts no more. So a reader that is late with what it read
// before the commit keeps nothing that anybody believes.
import { newId } from '../../core/ids.ts'
import { type Ctx, inTransaction, type TxCtx } from '../ctx.ts'
import { readKept } from './kept.ts'
import { lifeSeconds } from './online.ts'

/** Of each there is one maker in the process. */
export const SUMMARIES = ['activity', 'outcomes'] as const

const markKey = (tenantId: string, id: string) => `interactions-mark:${tenantId}:${id}`
const summaryKey = (tenantId: string, name: string, id: string) => `interactions-summary:${tenantId}:${name}:${id}`

export interface Summary<T> {
  readonly name: (typeof SUMMARIES)[number]
  /** One an id; the answers must survive JSON. */
  readonly make: (ctx: TxCtx, ids: readonly string[]) => Promise<readonly T[]>
}

interface Kept<T> {
  readonly mark: string
  readonly summary: T
}

/** One an id, in the order given: one round trip to the cache, and one to the database for what is not there. */
export async function summariesOf<T>(ctx: Ctx, ids: readonly string[], { name, make }: Summary<T>): Promise<T[]> {
  const { cache, caller } = ctx
  const keys = ids.map((id) => summaryKey(caller.tenantId, name, id))
  const found = await cache.getMany([...keys, ...ids.map((id) => markKey(caller.tenantId, id))])
  const marks = ids.map((_, index) => textOf(found[ids.length + index]))
  const known = ids.map((_, index): Kept<T> | undefined => {
    const text = textOf(found[index])
    const kept = text === '' ? undefined : readKept<Kept<T>>(text)
    return kept?.mark === marks[index] ? kept : undefined
  })
  const missing = ids.flatMap((_, index) => (known[index] ? [] : [index]))
  if (missing.length === 0) return known.map((kept) => kept!.summary)
  const made = await inTransaction(ctx, (ctx) =>
    make(
      ctx,
      missing.map((index) => ids[index]!),
    ),
  )
  const ttlSeconds = lifeSeconds(ctx)
  const entries = missing.map((index, i) => {
    const kept: Kept<T> = { mark: marks[index]!, summary: made[i]! }
    known[index] = kept
    return { key: keys[index]!, value: Buffer.from(JSON.stringify(kept)), ttlSeconds }
  })
  await cache.setMany(entries)
  return known.map((kept) => kept!.summary)
}

/** After interactions that name these users or items were committed. A mark outlives every summary made before it. */
export async function markRecorded(ctx: Ctx, named: Iterable<string>): Promise<void> {
  const { cache, caller } = ctx
  const ids = [...new Set(named)]
  const value = Buffer.from(newId('interaction'))
  const ttlSeconds = 2 * lifeSeconds(ctx)
  await Promise.all([
    cache.setMany(ids.map((id) => ({ key: markKey(caller.tenantId, id), value, ttlSeconds }))),
    // Where Redis is away this is made up for when it is back, which a mark is not.
    cache.delete(ids.flatMap((id) => SUMMARIES.map((name) => summaryKey(caller.tenantId, name, id)))),
  ])
}

function textOf(bytes: Uint8Array | undefined): string {
  return bytes ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8') : ''
}
