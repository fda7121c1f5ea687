import { expect, it } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { ArmCounts } from './arm.ts'
import { type Copy, Shadow } from './shadow.ts'

const aCopy = (megabytes: number): Copy => ({
  rows: 1,
  bytes: megabytes * 2 ** 20,
  ask: async () => ({ elapsedMs: 1, refused: 0, pairs: [] }),
})

it('a shadow drops copies before they fill the memory, however few they are', async () => {
  const shadow = new Shadow(new ArmCounts(), systemClock, () => undefined)
  for (let i = 0; i < 20; i++) shadow.offer(aCopy(10))
  expect(shadow.difference.dropped).toBe(14)
  await expect.poll(() => shadow.idle).toBe(true)
  // What is larger than all that may wait is taken where nothing else does, and nothing of the others is counted any more.
  shadow.offer(aCopy(100))
  shadow.offer(aCopy(1))
  expect(shadow.difference.dropped).toBe(15)
})
