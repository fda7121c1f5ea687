import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backoffMs, pause } from './backoff.ts'

describe('the wait between attempts', () => {
  it('doubles from the first to the longest when nothing is random', () => {
    const delays = [0, 1, 2, 3, 4, 5].map((attempt) => backoffMs(attempt, { initialMs: 100, maxMs: 1000, jitter: 0 }))
    expect(delays).toEqual([100, 200, 400, 800, 1000, 1000])
  })

  it('lies between the share that is not random and the whole, however many attempts', () => {
    fc.assert(
      fc.property(fc.nat(5000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, jitter) => {
        const full = backoffMs(attempt, { initialMs: 100, maxMs: 5000, jitter: 0 })
        const delay = backoffMs(attempt, { initialMs: 100, maxMs: 5000, jitter })
        return delay <= full && delay >= full * (1 - jitter) - 1e-9 && Number.isFinite(delay)
      }),
    )
  })
})

describe('a pause', () => {
  it('ends quietly and at once when its signal fires', async () => {
    const stop = new AbortController()
    const waiting = pause(3_600_000, stop.signal)
    stop.abort(new Error('enough'))
    await expect(waiting).resolves.toBeUndefined()
  })

  it('does not begin when its signal has fired already', async () => {
    await expect(pause(3_600_000, AbortSignal.abort())).resolves.toBeUndefined()
  })

  it('ends by itself', async () => {
    await expect(pause(1)).resolves.toBeUndefined()
  })
})
