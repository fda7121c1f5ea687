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
  /** Requests of one turn, evenly over its length; which of them are taken on. */
  const turn = async (lengthMs: number, tenants: readonly string[]) => {
    const taken: boolean[] = []
    for (const tenant of tenants) {
      taken.push(saturation.admits(tenant))
      now += lengthMs / tenants.length
    }
    await new Promise(setImmediate)
    return taken
  }
  const pass = (ms: number) => {
    now += ms
  }
  return { told, turn, pass }
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
  expect(taken.filter(Boolean)).toHaveLength(11)
  expect(taken.lastIndexOf(true)).toBe(10)
  expect(told).toEqual([89])
})

it('refuses who floods it and not who asks for little', async () => {
  const { turn } = watch()
  await turn(FULL_TURN_MS, many(100))
  const taken = await turn(100, [...many(60), 'b', ...many(38), 'c'])
  expect([taken[59], taken[60], taken[61], taken.at(-1)]).toEqual([false, true, false, true])
})

it('gives nothing to who makes up tenants', async () => {
  const { turn } = watch()
  await turn(FULL_TURN_MS, many(100))
  const taken = await turn(
    1000,
    Array.from({ length: 1000 }, (_, i) => `t${i}`),
  )
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
