// The database as travel reads it: an answer without it is better than a late one. What takes too long is given up, and then, or when it
// is away, nothing is asked for a moment, but for one request at a time that tries. Else a database that hangs would hold up every
// request for as long as its connections wait, and each would say so in the log.
import { systemClock } from '../core/clock.ts'
import { asFailure, fail, MlError } from '../core/failure.ts'
import type { Database } from '../ports/db/index.ts'

/** Far above what these readings take on a busy machine. */
const LIMIT_MS = 2_000
const REST_MS = 1_000

const known = new WeakMap<Database, Database>()

/** The same with its database hurried; anything else may wait as ever. */
export function hurried<C extends { readonly db: Database }>(ctx: C): C {
  let db = known.get(ctx.db)
  if (!db) {
    db = hurriedDatabase(ctx.db)
    known.set(ctx.db, db)
  }
  return { ...ctx, db }
}

/** Whether a failure tells nothing new: the one before it was said. */
export function isResting(error: unknown): boolean {
  return error instanceof MlError && error.details?.resting === true
}

export function hurriedDatabase(db: Database, limitMs = LIMIT_MS, restMs = REST_MS): Database {
  let restUntilMs = Number.NEGATIVE_INFINITY
  let away = false
  let trying = false
  return {
    ...db,
    async tenant(tenantId, work) {
      const tries = away
      if (tries && (trying || systemClock.elapsedMs() < restUntilMs)) {
        throw fail(
          'unavailable',
          'DATABASE_UNAVAILABLE',
          'The database was away a moment ago and is left alone for another',
          {
            details: { resting: true },
          },
        )
      }
      trying = tries
      try {
        const result = await within(limitMs, db.tenant(tenantId, work))
        away = false
        return result
      } catch (error) {
        if (isAway(error)) {
          away = true
          restUntilMs = systemClock.elapsedMs() + restMs
        } else away = false
        throw error
      } finally {
        if (tries) trying = false
      }
    },
  }
}

function isAway(error: unknown): boolean {
  const { code } = asFailure(error)
  return code === 'DATABASE_UNAVAILABLE' || code === 'DATABASE_TIMEOUT'
}

async function within<T>(limitMs: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(fail('unavailable', 'DATABASE_TIMEOUT', `The database did not answer within ${limitMs} ms`))
  }, limitMs)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
