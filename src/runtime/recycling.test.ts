import { afterEach, describe, expect, it } from 'vitest'
import { addModel, floats, loopFeeds, loopModel } from '../../test/runtime-models.ts'
import { pause } from '../core/backoff.ts'
import { silentLog } from '../core/log.ts'
import { openRuntime, type Runtime } from './index.ts'
import { type StartThread, startThread } from './thread.ts'

let open: Runtime | undefined
afterEach(() => open?.close())

interface Start {
  readonly workers: number
  readonly restMs?: number
  readonly above?: () => boolean
  readonly startWorker?: StartThread
}

function start({ workers, restMs = 0, above = () => true, startWorker = startThread }: Start) {
  const memoryBytes = () => (above() ? 2 : 0)
  const recycle = { aboveBytes: 1, memoryBytes, everyMs: 10, restMs }
  open = openRuntime({ workers, maxQueue: 1000, enableGpu: false, log: silentLog, recycle, start: startWorker })
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

  it('loads what was asked for while a worker was about to leave', async () => {
    let grown = false
    const runtime = start({ workers: 1, above: () => grown })
    const model = await runtime.load({ key: 'loop', bytes: loopModel() })
    const run = () => model.run(loopFeeds(300_000), { limitMs: 60_000 })
    const inHand = run()
    grown = true
    await until(() => runtime.status().recycled === 1)
    grown = false
    // Its successor is as busy as itself.
    const next = run()
    const loading = runtime.load({ key: 'add', bytes: addModel(1) })
    await Promise.all([inHand, next])
    expect((await (await loading).run({ x: floats(1) })).outputs.y).toEqual(floats(2))
  })

  it('keeps a worker whose models do not load on another one', async () => {
    let workers = 0
    let grown = false
    const startWorker: StartThread = (gpu, events) => {
      const isFirst = workers++ === 0
      const thread = startThread(gpu, events)
      const failure = { kind: 'unavailable', code: 'OUT_OF_MEMORY', message: 'no memory' } as const
      return {
        ...thread,
        send(order, transfer) {
          if (isFirst || order.op === 'unload') thread.send(order, transfer)
          else queueMicrotask(() => events.message({ op: 'failed', failure }))
        },
      }
    }
    const runtime = start({ workers: 1, above: () => grown, startWorker })
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    grown = true
    for (let i = 0; workers < 4; i++) {
      expect((await model.run({ x: floats(i) })).outputs.y).toEqual(floats(i + 1))
      await pause(1)
    }
    grown = false
    await until(() => runtime.status().workers === 1)
    expect(runtime.status()).toMatchObject({ recycled: 0, models: [{ key: 'add', workers: 1 }] })
  })

  it('goes on where there was no memory for a file', async () => {
    let tooLarge = true
    const startWorker: StartThread = (gpu, events) => {
      const thread = startThread(gpu, events)
      return {
        ...thread,
        send(order, transfer) {
          if (tooLarge) throw new RangeError('Array buffer allocation failed')
          thread.send(order, transfer)
        },
      }
    }
    const runtime = start({ workers: 1, above: () => false, startWorker })
    await expect(runtime.load({ key: 'large', bytes: addModel(1) })).rejects.toThrow()
    tooLarge = false
    const model = await runtime.load({ key: 'small', bytes: addModel(2) })
    expect((await model.run({ x: floats(1) })).outputs.y).toEqual(floats(3))
  })

  it('spares a worker that is young', async () => {
    const runtime = start({ workers: 1, restMs: 60_000 })
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    await pause(60)
    await model.run({ x: floats(1) })
    expect(runtime.status()).toMatchObject({ recycled: 0, workers: 1 })
  })
})
