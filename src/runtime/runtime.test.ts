// The runtime with real workers and real models: answers, refusals, overload, time-outs, dying workers, memory.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openRuntimes } from '../../test/open-runtimes.ts'
import { addModel, echoModel, floats, heavyModel, loopFeeds, loopModel } from '../../test/runtime-models.ts'
import { pause } from '../core/backoff.ts'
import type { LoadedModel, Runtime } from './index.ts'

const { start, threads } = openRuntimes({ workers: 2, maxQueue: 1000 })

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause(5)
}

/** Keeps two workers busy until both hold the adding model. */
async function spread(model: LoadedModel, runtime: Runtime): Promise<void> {
  while (runtime.status().models[0]!.workers < 2) await Promise.all([1, 2, 3].map((i) => model.run({ x: floats(i) })))
}

/** How often the loop model turns in about `ms` here and now. */
async function turnsIn(ms: number, runtime: Runtime): Promise<number> {
  const model = await runtime.load({ key: 'calibrate', bytes: loopModel() })
  await model.run(loopFeeds(1000))
  const { runMs } = await model.run(loopFeeds(50_000))
  await model.release()
  return Math.ceil((ms / runMs) * 50_000)
}

describe('a loaded model', () => {
  it('says what it takes and gives, with null for variable axes', async () => {
    const { info } = await start().load({ key: 'add', bytes: addModel(1) })
    expect(info.inputs).toEqual([{ name: 'x', type: 'float32', dims: [null] }])
    expect(info.outputs).toEqual([{ name: 'y', type: 'float32', dims: [null] }])
    expect(info.provider).toBe('cpu')
  })

  it('carries every element type there and back, empty tensors and odd texts included', async () => {
    const types = ['float32', 'float64', 'int64', 'int32', 'bool', 'string'] as const
    const model = await start().load({ key: 'echo', bytes: echoModel(types) })
    const feeds = {
      float32_in: { type: 'float32', dims: [1, 3], data: Float32Array.of(1.5, Number.NaN, -0) },
      float64_in: { type: 'float64', dims: [3, 1], data: Float64Array.of(Math.PI, Infinity, 0) },
      int64_in: { type: 'int64', dims: [1, 2], data: BigInt64Array.of(2n ** 62n, -1n) },
      int32_in: { type: 'int32', dims: [0, 4], data: new Int32Array(0) },
      bool_in: { type: 'bool', dims: [1, 3], data: Uint8Array.of(1, 0, 1) },
      string_in: { type: 'string', dims: [2, 2], data: ['', 'naïve ✓', '🧭', 'x'.repeat(100)] },
    } as const
    const { outputs } = await model.run(feeds)
    for (const type of types) expect(outputs[`${type}_out`]).toEqual(feeds[`${type}_in`])
  })

  it('carries tensors larger than the shared area', async () => {
    const model = await start().load({ key: 'echo', bytes: echoModel(['float32', 'string']) })
    const float32_in = {
      type: 'float32',
      dims: [1000, 300],
      data: Float32Array.from({ length: 300_000 }, (_, i) => i),
    } as const
    const texts = Array.from({ length: 30_000 }, (_, i) => `row ${i} ü`)
    const string_in = { type: 'string', dims: [30_000, 1], data: texts } as const
    const { outputs } = await model.run({ float32_in, string_in })
    expect(outputs).toEqual({ float32_out: float32_in, string_out: string_in })
  })

  it('brings back only the outputs asked for', async () => {
    const model = await start().load({ key: 'echo', bytes: echoModel(['float32', 'string']) })
    const string_in = { type: 'string', dims: [1, 1], data: ['a'] } as const
    const float32_in = { type: 'float32', dims: [1, 1], data: Float32Array.of(1) } as const
    const { outputs } = await model.run({ float32_in, string_in }, { fetches: ['string_out'] })
    expect(outputs).toEqual({ string_out: string_in })
  })

  it('names every input at fault before the engine sees them', async () => {
    const model = await start().load({ key: 'loop', bytes: loopModel() })
    const run = model.run({ count: floats(1), y: floats(1) })
    await expect(run).rejects.toMatchObject({
      kind: 'invalid',
      code: 'MODEL_INPUT_INVALID',
      details: { errors: [{ field: 'count', message: 'must be int64, not float32' }, { field: 'x' }, { field: 'y' }] },
    })
  })

  it('refuses an output that does not exist', async () => {
    const model = await start().load({ key: 'add', bytes: addModel(1) })
    await expect(model.run({ x: floats(1) }, { fetches: ['z'] })).rejects.toMatchObject({
      code: 'MODEL_OUTPUT_UNKNOWN',
    })
  })

  it('keeps the event loop free while it runs', async () => {
    const runtime = start()
    const turns = await turnsIn(200, runtime)
    const model = await runtime.load({ key: 'loop', bytes: loopModel() })
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await model.run(loopFeeds(turns))
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(5) // a run on this thread lets no timer fire at all
  })
})

describe('loading', () => {
  it('refuses bytes that are no model with the reason', async () => {
    const load = start().load({ key: 'bad', bytes: Buffer.from('no model') })
    await expect(load).rejects.toMatchObject({ kind: 'invalid', code: 'MODEL_NOT_LOADABLE', message: /protobuf/ })
  })

  it('refuses a path where nothing is', async () => {
    const load = start().load({ key: 'none', bytes: { path: '/nonexistent/model.onnx' } })
    await expect(load).rejects.toMatchObject({ kind: 'invalid', code: 'MODEL_NOT_LOADABLE' })
  })

  it('fails when the warm-up does not fit, and can be tried again', async () => {
    const runtime = start()
    const spec = { key: 'add', bytes: addModel(1) }
    await expect(runtime.load({ ...spec, warmUp: {} })).rejects.toMatchObject({ code: 'MODEL_INPUT_INVALID' })
    const model = await runtime.load({ ...spec, warmUp: { x: floats(0) } })
    expect((await model.run({ x: floats(1) })).outputs.y).toEqual(floats(2))
  })

  it('loads one key once for all its holders, and keeps it until the last lets go', async () => {
    const runtime = start()
    const spec = { key: 'add', bytes: addModel(1) }
    const [first, second] = await Promise.all([runtime.load(spec), runtime.load(spec)])
    expect(runtime.status().models).toMatchObject([{ key: 'add', holds: 2, workers: 1 }])
    await first.release()
    await first.release()
    expect((await second.run({ x: floats(1) })).outputs.y).toEqual(floats(2))
    await expect(first.run({ x: floats(1) })).rejects.toMatchObject({ code: 'MODEL_RELEASED' })
    await second.release()
    expect(runtime.status().models).toEqual([])
  })

  it('lets accepted runs finish after the release', async () => {
    const runtime = start({ workers: 1 })
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    const runs = Array.from({ length: 50 }, (_, i) => model.run({ x: floats(i) }))
    await model.release()
    const answers = await Promise.all(runs)
    expect(answers.map(({ outputs }) => outputs.y!.data[0])).toEqual(runs.map((_, i) => i + 1))
  })

  it('spreads a model to other workers when one is not enough', async () => {
    const runtime = start()
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    await spread(model, runtime)
    expect(runtime.status().memoryBytes).toBe(2 * model.info.bytes)
  })

  it('keeps memory bounded over 500 loads and releases', async () => {
    const runtime = start()
    const bytes = heavyModel(2)
    const cycle = async (i: number) => {
      const model = await runtime.load({ key: `heavy ${i}`, bytes, warmUp: { x: floats(1) } })
      await model.run({ x: floats(1) })
      await model.release()
    }
    for (let i = 0; i < 100; i++) await cycle(i)
    const before = process.memoryUsage.rss()
    for (let i = 100; i < 500; i++) await cycle(i)
    const grownMegabytes = (process.memoryUsage.rss() - before) / 2 ** 20
    expect(grownMegabytes).toBeLessThan(150) // 400 models of 2 MB would be 800
  })
})

describe('many callers', () => {
  it('each get exactly their own answer', async () => {
    const runtime = start({ workers: 3 })
    const adders = await Promise.all([1, 10, 100].map((n) => runtime.load({ key: `add ${n}`, bytes: addModel(n) })))
    const echo = await runtime.load({ key: 'echo', bytes: echoModel(['string']) })
    const call = fc.record({
      which: fc.integer({ min: 0, max: 3 }),
      values: fc.array(fc.integer({ max: 1e5, min: 0 })),
      late: fc.boolean(),
    })
    const answered = fc.asyncProperty(fc.array(call, { maxLength: 60 }), async (calls) => {
      await Promise.all(
        calls.map(async ({ which, values, late }) => {
          if (late) await pause(0)
          if (which === 3) {
            const string_in = { type: 'string', dims: [1, values.length], data: values.map(String) } as const
            expect((await echo.run({ string_in })).outputs.string_out).toEqual(string_in)
          } else {
            const { outputs } = await adders[which]!.run({ x: floats(...values) })
            expect(outputs.y).toEqual(floats(...values.map((value) => value + 10 ** which)))
          }
        }),
      )
    })
    await fc.assert(answered, { numRuns: 100 })
  })

  it('are told of overload when the queue is full', async () => {
    const runtime = start({ workers: 1, maxQueue: 3 })
    const model = await runtime.load({ key: 'loop', bytes: loopModel() })
    const runs = Array.from({ length: 6 }, () => model.run(loopFeeds(20_000)))
    const outcomes = await Promise.allSettled(runs)
    expect(outcomes.map(({ status }) => status)).toEqual([...Array(4).fill('fulfilled'), 'rejected', 'rejected'])
    await expect(runs[5]).rejects.toMatchObject({ kind: 'unavailable', code: 'OVERLOADED', retryAfterSeconds: 1 })
  })

  it('can give up what still waits', async () => {
    const runtime = start({ workers: 1 })
    const model = await runtime.load({ key: 'loop', bytes: loopModel() })
    const first = model.run(loopFeeds(20_000))
    let left = false
    const second = model.run(loopFeeds(1), { gone: () => left })
    expect(runtime.status()).toMatchObject({ busy: 1, queued: 1 })
    left = true
    await expect(second).rejects.toMatchObject({ code: 'INFERENCE_ABORTED' })
    expect(runtime.status().queued).toBe(0)
    expect((await first).outputs.y).toEqual(floats(20_000))
  })
})

// A thread is killed here only while it waits: the engine aborts the process when killed at work. The run that follows in
// the same tick is sent to the dying thread and is lost with it.
describe('a worker that dies', () => {
  it('loses no run', async () => {
    const runtime = start()
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    await spread(model, runtime)
    let killed = 0
    for (let round = 0; round < 20; round++) {
      for (const thread of threads.slice(round % 2 === 0 ? -1 : -2)) {
        void thread.terminate()
        killed++
      }
      const runs = Array.from({ length: 8 }, (_, i) => model.run({ x: floats(i) }))
      const answers = await Promise.all(runs)
      expect(answers.map(({ outputs }) => outputs.y)).toEqual(runs.map((_, i) => floats(i + 1)))
      await until(() => runtime.status().replaced === killed && runtime.status().models[0]!.workers === 2)
      await until(() => runtime.status().busy === 0)
    }
  })

  it('is replaced with its models, without anyone asking', async () => {
    const runtime = start({ workers: 1 })
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    await threads[0]!.terminate()
    await until(() => runtime.status().replaced === 1 && runtime.status().models[0]!.workers === 1)
    expect((await model.run({ x: floats(1) })).outputs.y).toEqual(floats(2))
  })

  it('twice under one run fails that run alone', async () => {
    const runtime = start({ workers: 1 })
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    process.once('worker', (worker) => {
      // The model is back, and the run that is sent again is lost again.
      const post = worker.postMessage.bind(worker)
      worker.postMessage = (order, transfer) => {
        if (order.op === 'load') post(order, transfer as undefined)
        else void worker.terminate()
      }
    })
    void threads[0]!.terminate()
    const run = model.run({ x: floats(1) })
    await expect(run).rejects.toMatchObject({ kind: 'internal', code: 'INFERENCE_FAILED' })
    expect(runtime.status().replaced).toBe(2)
    expect((await model.run({ x: floats(1) })).outputs.y).toEqual(floats(2))
  })
})

describe('a run that was answered', () => {
  it('leaves nothing of its feeds or its model behind, though nobody comes after it', async () => {
    const runtime = start({ workers: 1 })
    const once = async () => {
      const bytes = addModel(1)
      const model = await runtime.load({ key: 'add', bytes })
      const x = floats(1)
      await model.run({ x })
      await model.release()
      return [new WeakRef(x), new WeakRef(bytes)]
    }
    const seen = await once()
    await expect
      .poll(async () => {
        await pause(20)
        collect()
        return seen.map((ref) => ref.deref() === undefined)
      })
      .toEqual([true, true])
  })

  it('is not taken for overlong because the event loop stood still', async () => {
    const runtime = start({ workers: 2, runTimeoutMs: 500 })
    const model = await runtime.load({ key: 'add', bytes: addModel(1) })
    // The timers come before the messages in the turn that follows.
    await new Promise(setImmediate)
    const run = model.run({ x: floats(1) })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
    expect((await run).outputs.y).toEqual(floats(2))
    expect(runtime.status()).toMatchObject({ replaced: 0 })
  })
})

describe('an overlong run', () => {
  it('answers its caller in time, and the next run meets a new worker', async () => {
    const runtime = start({ workers: 1 })
    const turns = await turnsIn(2000, runtime)
    const model = await runtime.load({ key: 'loop', bytes: loopModel() })
    const slow = model.run(loopFeeds(turns), { limitMs: 100 })
    await expect(slow).rejects.toMatchObject({ kind: 'unavailable', code: 'INFERENCE_TIMEOUT' })
    expect(runtime.status()).toMatchObject({ replaced: 1, abandoned: 1 })
    expect((await model.run(loopFeeds(3))).outputs.y).toEqual(floats(3))
    await until(() => runtime.status().abandoned === 0)
  })

  it('that never ends leaves the service healthy and its model suspended', async () => {
    const child = spawn(process.execPath, [new URL('../../test/runtime-endless.ts', import.meta.url).pathname], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    await once(child, 'close')
    expect(JSON.parse(text)).toEqual({
      codes: ['INFERENCE_TIMEOUT', 'INFERENCE_TIMEOUT', 'MODEL_SUSPENDED'],
      other: 2,
      abandoned: 2,
      closed: true,
    })
  })
})

describe('closing', () => {
  it('fails what waits, lets what runs finish, and refuses the rest', async () => {
    const runtime = start({ workers: 1 })
    const model = await runtime.load({ key: 'loop', bytes: loopModel() })
    const running = model.run(loopFeeds(10_000))
    const waiting = expect(model.run(loopFeeds(1))).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' })
    await runtime.close()
    expect((await running).outputs.y).toEqual(floats(10_000))
    await waiting
    await expect(model.run(loopFeeds(1))).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' })
    await expect(runtime.load({ key: 'add', bytes: addModel(1) })).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' })
  })
})
