// Which calls run on the event loop: with the only worker busy, those are answered before it, the others behind it.
import { expect, it } from 'vitest'
import { openRuntimes } from '../../test/open-runtimes.ts'
import { addModel, loopFeeds, loopModel } from '../../test/runtime-models.ts'
import { pause } from '../core/backoff.ts'
import type { LoadedModel, Runtime } from './index.ts'
import { measureLoopShare } from './loop-share.ts'

const { start } = openRuntimes({ workers: 1, maxQueue: 100 })
const xs = (value: number) => ({ x: { type: 'float32', dims: [1], data: Float32Array.of(value) } }) as const
/** Of the loop model: a while, in which a call can be answered on the event loop. */
const LONG = 300_000
const limitMs = 60_000

/** How much the loop works while the model is proven, and when it is called beside the busy worker. */
interface Shares {
  readonly before: number
  readonly at: number
}

async function small(runtime: Runtime, trusted: boolean): Promise<LoadedModel> {
  const model = await runtime.load({ key: `add ${trusted}`, bytes: addModel(1), trusted })
  for (let i = 0; i < 100; i++) await model.run(xs(i))
  // Its run is known to be fast by now, and it is opened for the loop, which may take longer than all of these.
  if (trusted) await expect.poll(async () => (await model.run(xs(0))).queueMs).toBe(0)
  return model
}

async function orderWith({ before, at }: Shares, trusted = true): Promise<readonly string[]> {
  let share = before
  const runtime = start({ loopShare: () => share })
  const model = await small(runtime, trusted)
  const slow = await runtime.load({ key: 'loop', bytes: loopModel() })
  share = at
  const order: string[] = []
  const [, { outputs }] = await Promise.all([
    slow.run(loopFeeds(LONG), { limitMs }).finally(() => order.push('slow')),
    model.run(xs(41), { limitMs }).finally(() => order.push('small')),
  ])
  expect(outputs.y!.data).toEqual(Float32Array.of(42))
  return order
}

it('a call beside others runs there where the loop mostly waits, and until it is clearly busy', async () => {
  expect(await orderWith({ before: 0.4, at: 0.4 })).toEqual(['small', 'slow'])
  expect(await orderWith({ before: 0.4, at: 0.6 })).toEqual(['small', 'slow'])
})

it('a call beside others goes to the workers where the loop is busy, and one of a graph that may not end always does', async () => {
  expect(await orderWith({ before: 0.6, at: 0.6 })).toEqual(['slow', 'small'])
  expect(await orderWith({ before: 0.4, at: 0.9 })).toEqual(['slow', 'small'])
  expect(await orderWith({ before: 0.4, at: 0.4 }, false)).toEqual(['slow', 'small'])
})

it('many at once on an idle loop all get their own answers, also while the model is let go', async () => {
  const runtime = start({ loopShare: () => 0 })
  const model = await small(runtime, true)
  const answers = Promise.all(Array.from({ length: 50 }, (_, i) => model.run(xs(i))))
  await model.release()
  expect((await answers).map(({ outputs }) => outputs.y!.data[0])).toEqual(Array.from({ length: 50 }, (_, i) => i + 1))
})

it('the share of a loop that works is larger than that of one that waits', async () => {
  const share = measureLoopShare()
  await pause(300)
  const waiting = share()
  const until = performance.now() + 300
  while (performance.now() < until);
  await pause(1)
  expect(share()).toBeGreaterThan(waiting + 0.2)
})
