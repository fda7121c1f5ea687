import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createRealtimePredictor, InferenceError, type ModelManager, type PredictionCache } from '../../src/index.ts'
import { createModelManager } from '../../src/library/model-manager.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'

/** What an own cache takes to write. */
function aCache() {
  const kept = new Map<string, Uint8Array>()
  const lives: number[] = []
  const cache: PredictionCache = {
    get: async (key) => kept.get(key),
    set: async (key, value, ttlSeconds) => {
      lives.push(ttlSeconds)
      kept.set(key, value)
    },
  }
  return { kept, lives, cache }
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a realtime predictor', () => {
  let app: TestApp
  let manager: ModelManager
  let asked = 0

  beforeAll(async () => {
    app = await startApp({ worker: false })
    await anAddingModel(app.client, { version: '1.0.0', amount: 1 })
    const real = createModelManager(app.app, 'default')
    manager = {
      ...real,
      predict: (...request) => {
        asked++
        return real.predict(...request)
      },
    }
  })
  afterAll(() => app.stop())

  async function asksOf(work: () => Promise<unknown>): Promise<number> {
    const before = asked
    await work()
    return asked - before
  }

  it('asks the model once for the same row, in whatever order its columns come', async () => {
    const { cache, lives } = aCache()
    const predictor = createRealtimePredictor({ modelManager: manager, cache, ttlSeconds: 60 })
    const first = await predictor.predict('adder', { x: 1 })
    expect(first).toMatchObject({ prediction: 2, version: '1.0.0' })
    expect(await asksOf(async () => expect(await predictor.predict('adder', { x: 1 })).toEqual(first))).toBe(0)
    expect(await asksOf(() => predictor.predict('adder', { x: 2 }))).toBe(1)
    expect(lives).toEqual([60, 60])
  })

  it('works on the cache of the service', async () => {
    const predictor = createRealtimePredictor({ modelManager: manager, cache: app.app.services.cache })
    await predictor.predict('adder', [77])
    expect(await asksOf(() => predictor.predict('adder', [77]))).toBe(0)
  })

  it('asks once for all who ask at the same time', async () => {
    const predictor = createRealtimePredictor({ modelManager: manager, cache: aCache().cache })
    const ask = () => predictor.predict('adder', { x: 3 })
    expect(await asksOf(() => Promise.all([ask(), ask(), ask()]))).toBe(1)
  })

  it('lets one of them leave without ending it for the others', async () => {
    const predictor = createRealtimePredictor({ modelManager: manager, cache: aCache().cache })
    const leaving = new AbortController()
    const [left, stayed] = [
      failureOf(predictor.predict('adder', { x: 4 }, { signal: leaving.signal })),
      predictor.predict('adder', { x: 4 }),
    ]
    leaving.abort(new Error('gone'))
    expect(await left).toBeInstanceOf(InferenceError)
    expect(await stayed).toMatchObject({ prediction: 5 })
  })

  it('does not keep failures', async () => {
    const { cache, kept } = aCache()
    const predictor = createRealtimePredictor({ modelManager: manager, cache })
    for (let i = 0; i < 2; i++) {
      const work = async () =>
        expect(await failureOf(predictor.predict('adder', { x: 'y' }))).toBeInstanceOf(InferenceError)
      expect(await asksOf(work)).toBe(1)
    }
    expect(kept.size).toBe(0)
  })

  it('answers anew once another version is live, and as before once it is back', async () => {
    const predictor = createRealtimePredictor({ modelManager: manager, cache: aCache().cache })
    const answer = async () => (await predictor.predict('adder', { x: 5 })).prediction
    expect(await answer()).toBe(6)
    await anAddingModel(app.client, { amount: 100 })
    expect(await answer()).toBe(105)
    await app.client.models.rollback({ model_id: 'adder' })
    expect(await asksOf(async () => expect(await answer()).toBe(6))).toBe(0)
  })

  it('keeps nothing that another version answered than the one it looked for', async () => {
    const { cache, kept } = aCache()
    const swapped: ModelManager = {
      ...manager,
      predict: async (...request) => ({ ...(await manager.predict(...request)), version: '9.9.9' }),
    }
    await createRealtimePredictor({ modelManager: swapped, cache }).predict('adder', { x: 6 })
    expect(kept.size).toBe(0)
  })

  it('does not keep what was asked of another version or environment', async () => {
    const { cache, kept } = aCache()
    const predictor = createRealtimePredictor({ modelManager: manager, cache })
    expect(await predictor.predict('adder', { x: 1 }, { version: '1.1.0' })).toMatchObject({ prediction: 101 })
    expect(kept.size).toBe(0)
  })

  it('goes on without its cache when that is away', async () => {
    const away: PredictionCache = {
      get: () => Promise.reject(new Error('away')),
      set: () => Promise.reject(new Error('away')),
    }
    expect(
      await createRealtimePredictor({ modelManager: manager, cache: away }).predict('adder', { x: 1 }),
    ).toMatchObject({ prediction: 2 })
  })

  it('needs no cache', async () => {
    expect(await createRealtimePredictor({ modelManager: manager }).predict('adder', { x: 1 })).toMatchObject({
      prediction: 2,
    })
  })

  it('leaves its cache alone while a canary answers a part of the requests, and keeps a caller on one version', async () => {
    const { cache, kept } = aCache()
    const { model_id } = await anAddingModel(app.client, { name: 'divided', version: '1.0.0', amount: 1 })
    await anAddingModel(app.client, { name: 'divided', version: '1.1.0', amount: 2, live: false })
    const predictor = createRealtimePredictor({ modelManager: manager, cache })
    expect(await predictor.predict('divided', { x: 1 })).toMatchObject({ prediction: 2 })
    const before = kept.size
    await app.client.models.deploy({ model_id, version: '1.1.0', strategy: { type: 'canary', percent: 50 } })
    const versions = async () =>
      Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          return (await predictor.predict('divided', { x: 1 }, { stickyKey: `user ${i}` })).version
        }),
      )
    const first = await versions()
    expect(new Set(first).size).toBe(2)
    expect(await versions()).toEqual(first)
    expect(kept.size).toBe(before)
    await app.client.models.deploy({ model_id, version: '1.1.0', strategy: { type: 'canary', percent: 100 } })
    expect(await predictor.predict('divided', { x: 1 })).toMatchObject({ prediction: 3 })
    await app.client.models.rollback({ model_id })
    expect(await asksOf(() => predictor.predict('divided', { x: 1 }))).toBe(0)
  })
})
