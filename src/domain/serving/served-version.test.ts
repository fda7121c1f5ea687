import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { afterAll, describe, expect, it } from 'vitest'
import { addModel } from '../../../test/runtime-models.ts'
import { systemClock } from '../../core/clock.ts'
import { silentLog } from '../../core/log.ts'
import { createMetrics } from '../../core/metrics.ts'
import type { Objects } from '../../ports/objects/index.ts'
import { openRuntime } from '../../runtime/index.ts'
import { Residents } from './residents.ts'
import { ServedVersion } from './served-version.ts'

const runtime = openRuntime({ workers: 1, maxQueue: 100, enableGpu: false, log: silentLog })
afterAll(() => runtime.close())

/** A version whose file arrives when `arrive` is called, and the number of times that it was fetched. */
function aVersion(amount: number) {
  const file = addModel(amount)
  const waiting: (() => void)[] = []
  let fetched = 0
  const objects = {
    get: async () => {
      fetched++
      await new Promise<void>((resolve) => waiting.push(resolve))
      return Readable.from([file])
    },
  } as unknown as Objects
  const residents = new Residents(1e9, 1, () => {})
  const needs = { objects, runtime, residents, metrics: createMetrics(), clock: systemClock, log: silentLog }
  const served = new ServedVersion(needs, {
    tenantId: 'a',
    modelId: `model_${amount}`,
    modelName: 'm',
    modelType: 'custom',
    version: '1.0.0',
    signature: { inputs: [], outputs: [] },
    artifactKey: 'k',
    sha256: createHash('sha256').update(file).digest('hex'),
    ownGraph: false,
    trusted: true,
    settings: {},
  })
  const ask = () =>
    served.use(async ({ model }) => {
      const feeds = { x: { type: 'float32', dims: [1], data: Float32Array.of(1) } } as const
      return (await model.run(feeds)).outputs.y!.data[0]
    })
  const arrive = async () => {
    await expect.poll(() => waiting.length).toBeGreaterThan(0)
    for (const resolve of waiting.splice(0)) resolve()
  }
  return { served, residents, ask, arrive, fetched: () => fetched }
}

describe('a version out of memory', () => {
  it('is loaded once for all who ask at the same time', async () => {
    const { ask, arrive, fetched } = aVersion(1)
    const asked = [ask(), ask(), ask()]
    await arrive()
    expect(await Promise.all(asked)).toEqual([2, 2, 2])
    expect(fetched()).toBe(1)
  })

  it('comes back when it is asked for again', async () => {
    const { served, residents, ask, arrive, fetched } = aVersion(2)
    const first = ask()
    await arrive()
    expect(await first).toBe(3)
    served.unload()
    expect([served.ready, residents.bytes]).toEqual([undefined, 0])
    await expect.poll(() => runtime.status().models.some(({ holds }) => holds > 1)).toBe(false)
    const again = ask()
    await arrive()
    expect(await again).toBe(3)
    expect(fetched()).toBe(2)
    expect(residents.bytes).toBeGreaterThan(0)
  })

  it('answers everybody who had it in hand when it was let go', async () => {
    const { served, ask, arrive } = aVersion(3)
    const first = ask()
    served.unload()
    await arrive()
    expect(await first).toBe(4)
    await expect.poll(() => served.ready).toBeUndefined()
  })

  it('does not come back by a load that ends after it was let go', async () => {
    const { served, residents, ask, arrive } = aVersion(4)
    const load = served.load()
    served.unload()
    await arrive()
    await load
    expect([served.ready, residents.bytes]).toEqual([undefined, 0])
    const again = ask()
    await arrive()
    expect(await again).toBe(5)
  })
})
