// Short runs of different models, handed to a worker in one message: that this happens, and that what goes wrong with one of them is nobody
// else's concern. That everybody gets exactly their rows is tried in batching.test.ts, two models among each other.
import { describe, expect, it, vi } from 'vitest'
import { openRuntimes } from '../../test/open-runtimes.ts'
import { addModel, floats, lookupModel, loopFeeds, loopModel } from '../../test/runtime-models.ts'
import { pause } from '../core/backoff.ts'
import { GraphBuilder } from '../ml/onnx/graph.ts'
import { notePace } from './batch.ts'
import type { LoadedModel, Runtime } from './index.ts'

const { start, threads } = openRuntimes({ workers: 1, maxQueue: 10_000 })

/** `y` = `x`, as often as there is room in 320 kB. */
function widenModel(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N'])
  const shape = graph.constant('shape', { type: 'int64', dims: [2], data: [80_000, 1] })
  graph.output('y', graph.node('Expand', [x, shape]), 'float32', [80_000, 'N'])
  return graph.build({ name: 'widen' })
}

/** Until it is known that its runs are short, on a busy machine too. */
async function known(model: LoadedModel, feeds: Parameters<LoadedModel['run']>[0]): Promise<LoadedModel> {
  let short = 0
  for (let i = 0; i < 10 || (short < 10 && i < 5000); i++) short += (await model.run(feeds)).runMs < 0.08 ? 1 : -1
  return model
}

async function adding(runtime: Runtime, count: number): Promise<LoadedModel[]> {
  const models: LoadedModel[] = []
  for (let i = 0; i < count; i++) {
    models.push(await known(await runtime.load({ key: `add ${i}`, bytes: addModel(i) }), { x: floats(0) }))
  }
  return models
}

/** How often the loop model turns in about `ms` here and now. */
async function turnsIn(ms: number, model: LoadedModel): Promise<number> {
  const { runMs } = await model.run(loopFeeds(50_000))
  return Math.ceil((ms / runMs) * 50_000)
}

it('how long a run takes is known after two, of which the first was slow, and then follows slowly', () => {
  const model = { pace: { runs: 0, runMs: 0, aloneMs: 0, togetherMs: 0 } } as Parameters<typeof notePace>[0]
  notePace(model, [], 5)
  notePace(model, [], 0.1)
  expect(model.pace.runMs).toBe(0.1)
  for (let i = 0; i < 8; i++) notePace(model, [], 0.12)
  expect(model.pace.runMs).toBeGreaterThan(0.1)
  notePace(model, [], 50)
  expect(model.pace.runMs).toBeLessThan(0.2)
})

const sums = (runs: readonly Awaited<ReturnType<LoadedModel['run']>>[]) => runs.map(({ outputs }) => outputs.y!.data[0])

describe('short runs of many models', () => {
  it('are handed over together, as they gather while the worker is busy', async () => {
    const runtime = start()
    const models = await adding(runtime, 12)
    const loop = await runtime.load({ key: 'loop', bytes: loopModel() })
    const busy = loop.run(loopFeeds(20_000))
    const runs = models.map((model) => model.run({ x: floats(100) }))
    const sent = vi.spyOn(threads[0]!, 'postMessage')
    await busy
    expect(sums(await Promise.all(runs))).toEqual(models.map((_, i) => 100 + i))
    expect(sent.mock.calls.length).toBeLessThanOrEqual(6)
  })

  it('are not held up by one of them that takes long, where there is another worker', async () => {
    const runtime = start({ workers: 2, runTimeoutMs: 60_000 })
    const models = await adding(runtime, 6)
    const loop = await known(await runtime.load({ key: 'loop', bytes: loopModel() }), loopFeeds(1))
    const turns = await turnsIn(3000, loop)
    await known(loop, loopFeeds(1))
    const other = await runtime.load({ key: 'other loop', bytes: loopModel() })
    const all = [...models.map((model) => () => model.run({ x: floats(0) })), () => loop.run(loopFeeds(1))]
    while (runtime.status().models.some(({ workers }) => workers < 2)) {
      await Promise.all([0, 1, 2].map(() => other.run(loopFeeds(1000))))
      for (const one of all) await Promise.all([one(), one(), one()])
    }
    // Both workers are busy; whoever is done first is handed all that waits, with a long run in the middle.
    const busy = [other.run(loopFeeds(20_000)), other.run(loopFeeds(40_000))]
    const before = models.slice(0, 3).map((model) => model.run({ x: floats(1) }))
    const long = loop.run(loopFeeds(turns))
    const behind = models.slice(3).map((model) => model.run({ x: floats(1) }))
    let longIsOver = false
    void long.then(() => (longIsOver = true))
    expect(sums(await Promise.all([...before, ...behind]))).toEqual(models.map((_, i) => 1 + i))
    expect(longIsOver).toBe(false)
    await Promise.all([...busy, long])
  }, 60_000)

  it('are run by the next worker where one of them is given up', async () => {
    const runtime = start({ runTimeoutMs: 60_000 })
    const models = await adding(runtime, 4)
    const loop = await known(await runtime.load({ key: 'loop', bytes: loopModel() }), loopFeeds(1))
    const turns = await turnsIn(3000, loop)
    await known(loop, loopFeeds(1))
    const busy = loop.run(loopFeeds(20_000))
    const before = models.slice(0, 2).map((model) => model.run({ x: floats(1) }))
    const stuck = loop.run(loopFeeds(turns), { limitMs: 300 })
    const behind = models.slice(2).map((model) => model.run({ x: floats(1) }))
    await Promise.all([busy, expect(stuck).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' })])
    expect(sums(await Promise.all([...before, ...behind]))).toEqual(models.map((_, i) => 1 + i))
    expect(runtime.status()).toMatchObject({ replaced: 1 })
    while (runtime.status().abandoned > 0) await pause(5)
  }, 60_000)

  it('are answered where one fails, and that one says why', async () => {
    const runtime = start()
    const models = await adding(runtime, 3)
    const lookup = await known(await runtime.load({ key: 'lookup', bytes: lookupModel(10) }), {
      id: { type: 'int64', dims: [1], data: BigInt64Array.of(1n) },
    })
    const loop = await runtime.load({ key: 'loop', bytes: loopModel() })
    const busy = loop.run(loopFeeds(20_000))
    const runs = models.slice(0, 2).map((model) => model.run({ x: floats(1) }))
    const wrong = lookup.run({ id: { type: 'int64', dims: [1], data: BigInt64Array.of(99n) } })
    const last = models[2]!.run({ x: floats(1) })
    await Promise.all([busy, expect(wrong).rejects.toMatchObject({ code: 'MODEL_RUN_FAILED' })])
    expect(sums(await Promise.all([...runs, last]))).toEqual([1, 2, 3])
  })

  it('are answered where the feeds of one cannot be handed over', async () => {
    const runtime = start()
    const models = await adding(runtime, 3)
    const loop = await runtime.load({ key: 'loop', bytes: loopModel() })
    const busy = loop.run(loopFeeds(20_000))
    const x = floats(1)
    const runs = [0, 0, 1, 2].map((i) => models[i]!.run({ x: floats(1) }))
    const lost = models[1]!.run({ x })
    void (x.data as Float32Array<ArrayBuffer>).buffer.transfer(0)
    await Promise.all([busy, expect(lost).rejects.toMatchObject({ kind: 'internal' })])
    expect(sums(await Promise.all(runs))).toEqual([1, 1, 2, 3])
  })

  it('are answered where the answer of one has no room beside theirs', async () => {
    const runtime = start()
    const models = await adding(runtime, 3)
    const widen = await runtime.load({ key: 'widen', bytes: widenModel() })
    // The engine needs longer for its first, and what runs long is handed over alone.
    let runMs = 1
    for (let i = 0; i < 2000 && runMs > 0.1; i++) ({ runMs } = await widen.run({ x: floats(7) }))
    const loop = await runtime.load({ key: 'loop', bytes: loopModel() })
    const busy = loop.run(loopFeeds(20_000))
    const runs = models.slice(0, 2).map((model) => model.run({ x: floats(1) }))
    const wide = widen.run({ x: floats(8) })
    const last = models[2]!.run({ x: floats(1) })
    const answer = await wide
    expect(answer.outputs.y!.dims).toEqual([80_000, 1])
    expect(new Set(answer.outputs.y!.data as Float32Array)).toEqual(new Set([8]))
    expect(sums(await Promise.all([...runs, last]))).toEqual([1, 2, 3])
    await busy
  })
})
