import { afterEach, describe, expect, it } from 'vitest'
import { pause } from '../../core/backoff.ts'
import { systemClock } from '../../core/clock.ts'
import { fail } from '../../core/failure.ts'
import { createMetrics } from '../../core/metrics.ts'
import { openInProcessCache } from '../../ports/cache/in-process.ts'
import type { Cache } from '../../ports/cache/index.ts'
import { Row } from '../../runtime/index.ts'
import type { Settings } from '../ctx.ts'
import type { ServingSettings } from '../models/index.ts'
import { AnswerCache } from './answer-cache.ts'
import { insteadOf } from './fallback.ts'
import { ServedVersion, type VersionRecord } from './served-version.ts'

const RECORD: VersionRecord = {
  tenantId: 'a',
  modelId: 'model_1',
  modelName: 'm',
  modelType: 'regression',
  version: '1.0.0',
  signature: { inputs: [], outputs: [{ name: 'y', dtype: 'number' }] },
  artifactKey: 'k',
  sha256: 'f00',
  ownGraph: true,
  trusted: true,
  settings: {},
}

const INPUTS = [
  { name: 'n', type: 'float64', dims: [null, 1] },
  { name: 's', type: 'string', dims: [null, 1] },
] as const

function version(settings: ServingSettings = { cache: true }, record: Partial<VersionRecord> = {}): ServedVersion {
  return new ServedVersion({} as never, { ...RECORD, ...record, settings })
}

function start(options: { cacheTtlSeconds?: number; shared?: Cache } = {}) {
  const metrics = createMetrics()
  const cache = options.shared ?? openInProcessCache({})
  const settings = { cacheTtlSeconds: options.cacheTtlSeconds ?? 60 } as Settings
  const answers = new AnswerCache({ cache, metrics, clock: systemClock, settings })
  let asked = 0
  const row = (value: number, text = 'x') => new Row(INPUTS, [value, text])
  const ask = (served: ServedVersion, row: Row, gone = () => false) =>
    answers.answer({
      served,
      row,
      gone,
      ask: async (gone) => {
        asked++
        await pause(5)
        if (gone()) throw fail('unavailable', 'INFERENCE_ABORTED', 'gone')
        return { prediction: asked }
      },
    })
  const counts = async () => {
    const value = async (name: string) =>
      (await metrics.registry.getSingleMetric(name)!.get()).values.map(({ value, labels }) => [labels.cache, value])
    return { hits: await value('ml_cache_hits_total'), misses: await value('ml_cache_misses_total') }
  }
  return { answers, ask, row, counts, asked: () => asked }
}

describe('a cached answer', () => {
  it('is given to the same row again, and counted', async () => {
    const { ask, row, counts } = start()
    const served = version()
    expect([await ask(served, row(1)), await ask(served, row(1))]).toEqual([{ prediction: 1 }, { prediction: 1 }])
    expect(await counts()).toEqual({ hits: [['process', 1]], misses: [['process', 1]] })
  })

  it('is kept no longer than there is room for what answers say', async () => {
    const { answers, row } = start()
    const served = version()
    const rows = Array.from({ length: 200 }, (_, i) => row(i))
    const ask = async () => ({ prediction: 'x'.repeat(2 ** 20) })
    for (const one of rows) await answers.answer({ served, row: one, gone: () => false, ask })
    const kept = rows.filter((one) => answers.last({ served, row: one }) !== undefined)
    expect(kept).toEqual(rows.slice(-127))
  })

  it.each([
    ['row', {}, 2, 'x'],
    ['text', {}, 1, 'y'],
    ['tenant', { tenantId: 'b' }, 1, 'x'],
    ['model', { modelId: 'model_2' }, 1, 'x'],
    ['version', { version: '1.1.0' }, 1, 'x'],
    ['file', { sha256: 'f01' }, 1, 'x'],
  ])('is not given to another %s', async (_, record, value, text) => {
    const { ask, row } = start()
    await ask(version(), row(1))
    expect(await ask(version({ cache: true }, record), row(value, text))).toEqual({ prediction: 2 })
  })

  it('is shared by those who ask at once, even when the first of them leaves', async () => {
    const { ask, row, asked } = start()
    const served = version()
    let left = false
    const first = ask(served, row(1), () => left)
    const others = [ask(served, row(1)), ask(served, row(1))]
    left = true
    expect(await Promise.all([first, ...others])).toEqual([1, 1, 1].map((prediction) => ({ prediction })))
    expect(asked()).toBe(1)
  })

  it('is never a failure', async () => {
    const { ask, row } = start()
    const served = version()
    await expect(ask(served, row(1), () => true)).rejects.toMatchObject({ code: 'INFERENCE_ABORTED' })
    expect(await ask(served, row(1))).toEqual({ prediction: 2 })
  })

  it('ends with its time, but is known for when the model cannot answer', async () => {
    const { answers, ask, row } = start({ cacheTtlSeconds: 0.01 })
    const served = version()
    await ask(served, row(1))
    await pause(20)
    expect(await ask(served, row(1))).toEqual({ prediction: 2 })
    await pause(20)
    expect(answers.last({ served, row: row(1) })).toEqual({ prediction: 2 })
    expect(answers.last({ served, row: row(9) })).toBeUndefined()
  })

  it('is not looked for where the model is fast, or its owner says no, or the time is 0', async () => {
    const fast = version({})
    fast.note(0.05)
    const slow = version({ cache: false })
    slow.note(500)
    for (const served of [fast, slow]) {
      const { ask, row, asked } = start()
      await Promise.all([ask(served, row(1)), ask(served, row(1))])
      expect(asked()).toBe(2)
    }
    const { ask, row, asked } = start({ cacheTtlSeconds: 0 })
    await Promise.all([ask(version(), row(1)), ask(version(), row(1))])
    expect(asked()).toBe(2)
  })
})

describe('a shared cache', () => {
  const local = openInProcessCache({})
  const shared: Cache = { ...local, status: () => ({ connected: true, url: 'redis://elsewhere' }) }
  const slow = () => {
    const served = version({})
    served.note(500)
    return served
  }
  afterEach(() => local.close())

  it('answers other replicas, but only with what bears the whole digest', async () => {
    const here = start({ shared })
    const there = start({ shared })
    await here.ask(slow(), here.row(1))
    expect(await there.ask(slow(), there.row(1))).toEqual({ prediction: 1 })
    expect(there.asked()).toBe(0)
    const keys: string[] = []
    const damaged: Cache = {
      ...shared,
      get: async (key) => {
        keys.push(key)
        return Buffer.from(`${'\0'.repeat(32)}{"prediction":666}`)
      },
    }
    const elsewhere = start({ shared: damaged })
    expect(await elsewhere.ask(slow(), elsewhere.row(1))).toEqual({ prediction: 1 })
    expect(keys).toHaveLength(1)
  })
})

describe('a model that cannot answer', () => {
  const late = fail('unavailable', 'INFERENCE_TIMEOUT', 'late')
  const served = version({ fallback: { prediction: 'no' } })

  it('is answered for by its last answer, then by its declared default, and marked', () => {
    expect(insteadOf(late, served, () => ({ prediction: 'yes' }))).toEqual({ prediction: 'yes', fallback: true })
    expect(insteadOf(late, served, () => undefined)).toEqual({ prediction: 'no', fallback: true })
  })

  it('fails where nothing is declared, and for what is not its fault', () => {
    const wrong = fail('invalid', 'MODEL_RUN_FAILED', 'wrong')
    const gone = fail('unavailable', 'INFERENCE_ABORTED', 'gone')
    expect(() => insteadOf(late, version())).toThrow(late)
    expect(() => insteadOf(wrong, served)).toThrow(wrong)
    expect(() => insteadOf(gone, served)).toThrow(gone)
  })
})
