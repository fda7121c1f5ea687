// Models of strangers in processes of their own: the same answers, and an end to whatever does not end.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  addModel,
  echoModel,
  floats,
  hungryModel,
  loopFeeds,
  loopModel,
  pickyModel,
} from '../../test/runtime-models.ts'
import { pause } from '../core/backoff.ts'
import { silentLog } from '../core/log.ts'
import { Areas } from './areas.ts'
import { openGuardedRuntime, openRuntime } from './index.ts'
import { openArea } from './packet.ts'
import { ANSWER_WORDS, AREA_BYTES, type FromWorker, IN_AREA } from './protocol.ts'
import type { StartThread } from './thread.ts'
import type { ModelSpec, Tensors } from './types.ts'

const tempDir = mkdtempSync(join(tmpdir(), 'modelyard-processes-'))
const options = { workers: 1, maxQueue: 100, enableGpu: false, log: silentLog, tempDir, runTimeoutMs: 20_000 }
const runtime = openGuardedRuntime({ ...options, processes: 2, memoryMb: 1500 })
afterAll(async () => {
  await runtime.close()
  rmSync(tempDir, { recursive: true })
})

let keys = 0
const isolated = (bytes: Uint8Array): ModelSpec => ({ key: `model ${keys++}`, bytes, isolated: true })

/** A worker like that of `start-process.ts`, whose answers cannot be read. */
function standIn({ readyMs = 0, loads = true }: { readonly readyMs?: number; readonly loads?: boolean }): StartThread {
  const y = { name: 'y', type: 'float32', dims: [null] } as const
  const about = { otherOutputs: [], loadMs: 0, bytes: 1, provider: 'cpu', perRow: true } as const
  return (_gpu, events) => {
    const requests = new Areas(new SharedArrayBuffer(AREA_BYTES))
    const answer = openArea(new SharedArrayBuffer(AREA_BYTES))
    answer.ints[ANSWER_WORDS] = AREA_BYTES
    const hear = async (message: FromWorker, afterMs = 0) => {
      await pause(afterMs)
      try {
        events.message(message)
      } catch (error) {
        events.exit(error as Error)
      }
    }
    void hear({ op: 'ready', gpu: false, gpuError: null }, readyMs)
    return {
      areaFor: (bytes) => requests.of(bytes),
      answer,
      send: ({ op }) =>
        void (op === 'load' && loads && hear({ op: 'loaded', info: { inputs: [y], outputs: [y], ...about } })),
      run: () => void hear(IN_AREA),
      end: () => queueMicrotask(() => events.exit(null)),
    }
  }
}

describe('a model in a process of its own', () => {
  it('answers what it answers in a thread, for every type and several callers at once', async () => {
    const feeds: Tensors = {
      float32_in: { type: 'float32', dims: [1, 2], data: Float32Array.of(1.5, Number.NaN) },
      int64_in: { type: 'int64', dims: [1, 2], data: BigInt64Array.of(2n ** 60n, -1n) },
      bool_in: { type: 'bool', dims: [1, 2], data: Uint8Array.of(0, 1) },
      string_in: { type: 'string', dims: [1, 2], data: ['', 'ä€'] },
    }
    const bytes = echoModel(['float32', 'int64', 'bool', 'string'])
    const apart = await runtime.load(isolated(bytes))
    const beside = await runtime.load({ key: 'thread', bytes })
    const expected = (await beside.run(feeds)).outputs
    const answers = await Promise.all(Array.from({ length: 20 }, () => apart.run(feeds)))
    for (const { outputs } of answers) expect(outputs).toEqual(expected)
    await Promise.all([apart.release(), beside.release()])
  })

  it('takes and gives tensors beyond what the usual area holds', async () => {
    const model = await runtime.load(isolated(addModel(1)))
    const data = Float32Array.from({ length: 300_000 }, (_, i) => i)
    const { outputs } = await model.run({ x: { type: 'float32', dims: [data.length], data } })
    expect(outputs.y!.data).toEqual(data.map((value) => value + 1))
    await model.release()
  })

  it('refuses in the same words', async () => {
    const model = await runtime.load(isolated(pickyModel(1)))
    await expect(model.run({ x: floats(50) })).rejects.toMatchObject({ kind: 'invalid', code: 'MODEL_RUN_FAILED' })
    await expect(model.run({})).rejects.toMatchObject({ kind: 'invalid', code: 'MODEL_INPUT_INVALID' })
    await expect(runtime.load(isolated(Buffer.from('nothing')))).rejects.toMatchObject({ code: 'MODEL_NOT_LOADABLE' })
    await model.release()
  })

  it('is killed in a loop without end, and answers the next caller; others never wait', async () => {
    const endless = await runtime.load(isolated(loopModel()))
    const other = await runtime.load(isolated(addModel(2)))
    const stuck = endless.run(loopFeeds(Number.MAX_SAFE_INTEGER), { limitMs: 500 })
    expect((await other.run({ x: floats(1) })).outputs.y!.data).toEqual(Float32Array.of(3))
    await expect(stuck).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' })
    expect((await endless.run(loopFeeds(3))).outputs.y!.data).toEqual(Float32Array.of(3))
    expect(runtime.status()).toMatchObject({ abandoned: 0 })
    await Promise.all([endless.release(), other.release()])
  })

  it('fails alone when it wants more memory than it is given', async () => {
    const hungry = await runtime.load(isolated(hungryModel()))
    const feeds = (n: number) =>
      ({ x: floats(1), n: { type: 'int64', dims: [1], data: BigInt64Array.of(BigInt(n)) } }) as const
    expect((await hungry.run(feeds(4))).outputs.y!.data).toEqual(Float32Array.of(4))
    await expect(hungry.run(feeds(2 ** 31))).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' })
    expect((await hungry.run(feeds(5))).outputs.y!.data).toEqual(Float32Array.of(5))
    await hungry.release()
  })

  it('whose process cannot be started again fails its callers, not the service, and comes back when it can', async () => {
    const place = join(tempDir, 'own')
    mkdirSync(place)
    const own = openGuardedRuntime({ ...options, tempDir: place, runTimeoutMs: 200 })
    const endless = await own.load(isolated(loopModel()))
    rmSync(place, { recursive: true })
    await expect(endless.run(loopFeeds(2 ** 40))).rejects.toMatchObject({ code: 'INFERENCE_TIMEOUT' })
    await expect(endless.run(loopFeeds(1))).rejects.toMatchObject({ kind: 'unavailable' })
    mkdirSync(place)
    await expect
      .poll(() => endless.run(loopFeeds(1)).then(() => 'answered', String), { timeout: 10_000 })
      .toBe('answered')
    await own.close()
    rmSync(place, { recursive: true })
  })

  it('fails a run whose answer cannot be read, when its process was ended for it again', async () => {
    const own = openRuntime({ ...options, start: standIn({}) })
    const model = await own.load({ key: 'liar', bytes: Buffer.of(1) })
    await expect(model.run({ y: floats(1) })).rejects.toMatchObject({ code: 'INFERENCE_FAILED' })
    await own.close()
  })

  it('is given up where it does not come to an end of loading, however long its process took to start', async () => {
    for (const readyMs of [0, 100]) {
      const own = openRuntime({ ...options, loadTimeoutMs: 50, start: standIn({ readyMs, loads: false }) })
      const loading = own.load({ key: 'endless', bytes: Buffer.of(1) })
      await expect(loading).rejects.toMatchObject({ code: 'MODEL_LOAD_TIMEOUT' })
      await own.close()
    }
  })

  it('gives way to others when it is idle, and comes back when it is asked', async () => {
    const models = []
    for (const amount of [1, 2, 3]) models.push(await runtime.load(isolated(addModel(amount))))
    expect(runtime.status().models).toHaveLength(2)
    for (const [i, model] of models.entries()) {
      expect((await model.run({ x: floats(0) })).outputs.y!.data).toEqual(Float32Array.of(i + 1))
    }
    for (const model of models) await model.release()
    expect(runtime.status().models).toEqual([])
  })
})

describe('when the runtime is closed', () => {
  it('nothing is left, and nothing more is taken', async () => {
    const own = openGuardedRuntime(options)
    const model = await own.load(isolated(addModel(1)))
    await own.close()
    await expect(model.run({ x: floats(1) })).rejects.toMatchObject({ code: 'RUNTIME_CLOSED' })
    expect(readdirSync(tempDir)).toEqual([])
  })
})
