// More models than the memory for models takes, in a repository: all are answered for, and only some are loaded.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, createApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { silentLog } from '../../src/core/log.ts'
import { addModel } from '../runtime-models.ts'

const MODELS = 120

let folder: string
let app: App

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-budget-'))
  for (let i = 0; i < MODELS; i++) {
    const versions = join(folder, 'models', `adder-${i}`, 'versions/1.0.0')
    await mkdir(versions, { recursive: true })
    await writeFile(join(versions, 'model.onnx'), addModel(i))
    await writeFile(join(folder, 'models', `adder-${i}`, 'CURRENT'), '1.0.0')
  }
  const dataDir = join(folder, 'data')
  const overrides = { repository: folder, dataDir, mlWorkers: 1, modelMemoryMb: 16 }
  app = await createApp(loadConfig({ env: {}, overrides }), { log: silentLog })
  await app.begun
}, 60_000)
afterAll(async () => {
  await app.stop()
  await rm(folder, { recursive: true, force: true })
})

const ask = async (i: number) => {
  const inputs = [{ name: 'x', shape: [1], datatype: 'FP32', data: [0.5] }]
  const reply = await app.http.inject({ method: 'POST', url: `/v2/models/adder-${i}/infer`, payload: { inputs } })
  return reply.json().outputs?.[0].data[0] ?? reply.json().error
}
const loaded = () => app.services.runtime.status().models.length
const metric = async (name: string) => {
  const { body } = await app.http.inject({ method: 'GET', url: '/metrics' })
  return body
    .split('\n')
    .filter((line) => line.startsWith(name))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

describe('more models than fit', () => {
  it('are loaded at the start until the memory is full', () => {
    expect(loaded()).toBeGreaterThan(MODELS / 2)
    expect(loaded()).toBeLessThan(MODELS)
  })

  it('all answer, each for itself, whoever has to leave for it', async () => {
    const full = loaded()
    for (let from = 0; from < MODELS; from += 20) {
      const ids = Array.from({ length: 20 }, (_, i) => (from + i * 7) % MODELS)
      expect(await Promise.all(ids.map(ask))).toEqual(ids.map((i) => i + 0.5))
    }
    await expect.poll(loaded).toBeLessThanOrEqual(full + 1)
    expect(await metric('ml_model_evictions_total')).toBeGreaterThan(0)
  })

  it('that had to leave are loaded once for all who ask', async () => {
    for (let i = 0; i < MODELS; i++) await ask(i)
    const before = await metric('ml_model_load_time_seconds_count')
    expect(await Promise.all(Array.from({ length: 30 }, () => ask(0)))).toEqual(Array(30).fill(0.5))
    expect((await metric('ml_model_load_time_seconds_count')) - before).toBe(1)
  })

  it('stay loaded while they are used', async () => {
    await ask(1)
    const before = await metric('ml_model_load_time_seconds_count{tenant="default",model="adder-1"}')
    for (let i = 2; i < MODELS; i++) {
      await ask(i)
      expect(await ask(1)).toBe(1.5)
    }
    expect(await metric('ml_model_load_time_seconds_count{tenant="default",model="adder-1"}')).toBe(before)
  })
})
