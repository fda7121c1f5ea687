import { describe, expect, it } from 'vitest'
import { type Log, silentLog } from './log.ts'
import { type LoopOptions, startLoop } from './loop.ts'

const FOR_EVER = 3_600_000
const quiet: LoopOptions = { log: silentLog, onFailure: 'it failed' }

describe('a loop', () => {
  it('takes the next turn when it is woken, also when that happens during a turn', async () => {
    const turns: string[] = []
    const third = Promise.withResolvers<void>()
    const loop = startLoop(quiet, async ({ idle }) => {
      turns.push(`turn ${turns.length + 1}`)
      if (turns.length === 1) loop.wake()
      if (turns.length === 2) setImmediate(loop.wake)
      if (turns.length === 3) third.resolve()
      await idle(FOR_EVER)
    })
    await third.promise
    await loop.stop()
    expect(turns).toEqual(['turn 1', 'turn 2', 'turn 3'])
  })

  it('goes on after failures and says so once', async () => {
    const warnings: string[] = []
    const log: Log = { ...silentLog, warn: (_, message) => warnings.push(message) }
    const done = Promise.withResolvers<void>()
    let turns = 0
    const loop = startLoop({ log, onFailure: 'it failed' }, async ({ idle }) => {
      if (++turns <= 2) throw new Error('away')
      done.resolve()
      await idle(FOR_EVER)
    })
    await done.promise
    await loop.stop()
    expect({ turns, warnings }).toEqual({ turns: 3, warnings: ['it failed'] })
  })

  it('sleeps longer each time that nobody wakes it, up to a limit', async () => {
    const idlings: number[] = []
    const enough = Promise.withResolvers<void>()
    const loop = startLoop(quiet, async ({ idle }) => {
      const since = performance.now()
      await idle(10, 40)
      if (idlings.push(performance.now() - since) === 4) enough.resolve()
    })
    await enough.promise
    await loop.stop()
    // Timers may be early by a fraction.
    for (const [i, ms] of [10, 20, 40, 40].entries()) expect(idlings[i]).toBeGreaterThan(ms - 2)
  })

  it('waits for the turn in hand when it is stopped, gives it the reason, and listens no more', async () => {
    const heard: string[] = []
    const began = Promise.withResolvers<void>()
    const onWake = () => () => heard.push('unlistened')
    const loop = startLoop({ ...quiet, onWake }, async ({ signal, idle }) => {
      began.resolve()
      await idle(FOR_EVER)
      await new Promise(setImmediate)
      heard.push(String(signal.reason))
    })
    await began.promise
    await loop.stop(new Error('enough'))
    expect(heard).toEqual(['unlistened', 'Error: enough'])
  })
})
