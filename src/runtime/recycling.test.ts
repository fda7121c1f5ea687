import { afterEach, describe, expect, it } from 'vitest'
import { addModel, floats, loopFeeds, loopModel } from '../../test/runtime-models.ts'
import { pause } from '../core/backoff.ts'
import { silentLog } from '../core/log.ts'
import { openRuntime, type Runtime } from './index.ts'

let open: Runtime | undefined
afterEach(() => open?.close())

function start(options: { workers: number; restMs?: number; above?: () => boolean }) {
  const { workers, restMs = 0, above = () => true } = options
  const memoryBytes = () => (above() ? 2 : 0)
  const recycle = { aboveBytes: 1, memoryBytes, everyMs: 10, restMs }
  open = openRuntime({ workers, maxQueue: 1000, enableGpu: false, log: silentLog, recycle })
  return open
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5)
}

describe('a process that has grown', () => {
  it('replaces its workers without failing a run, or asking anybody to wait for a load', async () => {
    const runtime = start({ workers: 2 })
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    let runs = 0
    while (runtime.status().recycled < 4) {
      expect(runtime.status().models[0]!.workers).toBeGreaterThan(0)
      const { outputs } = await model.run({ x: floats(++runs) })
      expect(outputs.y).toEqual(floats(runs + 1))
    }
    expect(runtime.status().replaced).toBe(0)
    await until(() => runtime.status().abandoned === 0)
  })

  it('lets a run in hand finish on the worker that leaves', async () => {
    let grown = false
    const runtime = start({ workers: 1, above: () => grown })
    const model = await runtime.load({ key: 'loop', bytes: loopModel() })
    const slow = model.run(loopFeeds(300_000), { limitMs: 60_000 })
    grown = true
    await until(() => runtime.status().recycled === 1)
    grown = false
    const quick = model.run(loopFeeds(2))
    expect((await quick).outputs.y).toEqual(floats(2))
    expect((await slow).outputs.y).toEqual(floats(300_000))
    await until(() => runtime.status().workers === 1)
  })

  it('spares a worker that is young', async () => {
    const runtime = start({ workers: 1, restMs: 60_000 })
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    await pause(60)
    await model.run({ x: floats(1) })
    expect(runtime.status()).toMatchObject({ recycled: 0, workers: 1 })
  })
})
