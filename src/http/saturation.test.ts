// Turns of a made-up length on a clock moved by hand; their ends are the event loop's own.
import { expect, it } from 'vitest'
import { Saturation } from './saturation.ts'

const FULL_TURN_MS = 600

function watch() {
  let now = 0
  const told: number[] = []
  const saturation = new Saturation({
    clock: { now: () => new Date(now), elapsedMs: () => now },
    maxWaitMs: 500,
    refused: (count) => told.push(count),
  })
  /** Requests of one turn, each of which takes so long; which of them are taken on. */
  const turnOf = async (answerMs: number, refusalMs: number, tenants: readonly string[]) => {
    const taken: boolean[] = []
    for (const tenant of tenants) {
      const isTaken = saturation.admits(tenant)
      taken.push(isTaken)
      now += isTaken ? answerMs : refusalMs
    }
    await new Promise(setImmediate)
    return taken
  }
  /** Evenly over its length. */
  const turn = (lengthMs: number, tenants: readonly string[]) =>
    turnOf(lengthMs / tenants.length, lengthMs / tenants.length, tenants)
  const pass = (ms: number) => {
    now += ms
  }
  return { told, turn, turnOf, pass, now: () => now }
}

const many = (count: number, tenant = 'a') => new Array<string>(count).fill(tenant)

it('answers a burst, however long its turn is', async () => {
  const { turn, told } = watch()
  expect(await turn(FULL_TURN_MS, many(1000))).not.toContain(false)
  expect(told).toEqual([])
})

it('takes turns below half of the wait that is borne for usual, for as long as they last', async () => {
  const { turn } = watch()
  for (let i = 0; i < 20; i++) expect(await turn(240, many(100))).not.toContain(false)
})

it('refuses what a turn cannot take on in time, once turns were long for as long as may be waited', async () => {
  const { turn, told } = watch()
  await turn(300, many(100))
  await turn(300, many(100))
  const taken = await turn(100, many(100))
  expect(taken.indexOf(false)).toBe(11)
  expect(told).toEqual([taken.filter((is) => !is).length])
  expect(told[0]).toBeGreaterThan(15)
})

it('spends a fifth of its time on refusals, and the rest on answers, however many come', async () => {
  const { turn, turnOf, now } = watch()
  await turn(FULL_TURN_MS, many(100))
  const [begun, answerMs, refusalMs] = [now(), 0.05, 0.03]
  let refused = 0
  for (let i = 0; i < 10; i++) {
    const taken = await turnOf(answerMs, refusalMs, many(6000))
    refused += taken.filter((is) => !is).length
  }
  expect((refused * refusalMs) / (now() - begun)).toBeCloseTo(0.2, 1)
})

it('refuses who floods it and not who asks for little', async () => {
  const { turn, turnOf } = watch()
  await turn(FULL_TURN_MS, many(100))
  // Refusals that cost nothing, so that only the shares decide.
  const taken = await turnOf(1, 0, [...many(60), 'b', ...many(38), 'c'])
  expect([taken[59], taken[60], taken[61], taken.at(-1)]).toEqual([false, true, false, true])
})

it('gives nothing to who makes up tenants', async () => {
  const { turn, turnOf } = watch()
  await turn(FULL_TURN_MS, many(100))
  const madeUp = Array.from({ length: 1000 }, (_, i) => `t${i}`)
  const taken = await turnOf(1, 0, madeUp)
  expect(taken.filter(Boolean)).toHaveLength(64)
})

it('takes on everything again when nothing was refused for a moment', async () => {
  const { turn, pass } = watch()
  await turn(FULL_TURN_MS, many(100))
  await turn(100, many(100))
  await turn(1, many(5))
  pass(150)
  await turn(1, many(5))
  expect(await turn(100, many(100))).not.toContain(false)
})
