// When to look at a job that somebody follows. The database row is the truth; a wake-up only makes the next look come sooner, so
// it does not matter on which replica the worker runs.
import { pause } from '../core/backoff.ts'
import type { Ctx } from './ctx.ts'

const LOOK_EVERY_MS = 500

/** Yields at once, then after each wake-up of the jobs and at least twice a second, until the signal fires. */
export async function* looks(ctx: Ctx): AsyncGenerator<undefined> {
  let woken = new AbortController()
  const unsubscribe = ctx.db.onWake('progress', () => woken.abort())
  try {
    while (!ctx.signal.aborted) {
      yield
      await pause(LOOK_EVERY_MS, AbortSignal.any([ctx.signal, woken.signal]))
      if (woken.signal.aborted) woken = new AbortController()
    }
  } finally {
    unsubscribe()
  }
}
