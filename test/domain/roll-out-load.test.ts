// Versions changing places under traffic, on one replica and on two: no request fails, none is answered by two versions.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { aDatabase, DATABASES, startApp, type TestApp, type TestDatabase } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { addModel, pickyModel } from '../runtime-models.ts'

const CALLERS = 4
/** So that deployments get a turn on the one thread of this test. */
const PAUSE_MS = 5

/** Asks until told to stop. @returns what went wrong, and how often each version answered. */
async function traffic(clients: readonly MlClient[], model_id: string, ended: () => boolean) {
  const wrong: unknown[] = []
  const answered = new Map<string, number>()
  const call = async (client: MlClient) => {
    while (!ended()) {
      try {
        const { predictions, version } = await client.models.predict_batch({ model_id, input_data: [[0], [1], [2]] })
        const add = version === '1.0.0' ? 1 : 2
        const found = predictions.map(({ prediction }, x) => Number(prediction) - x)
        if (found.some((value) => value !== add)) wrong.push({ version, found })
        answered.set(version, (answered.get(version) ?? 0) + 1)
      } catch (error) {
        wrong.push(error)
      }
      await sleep(PAUSE_MS)
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, (_, i) => call(clients[i % clients.length]!)))
  return { wrong, answered }
}

describe('under traffic', () => {
  it('a hundred swaps and changes of share fail no request, and no answer mixes versions', async () => {
    await using app = await startApp({ worker: false })
    const { client } = app
    const { model_id } = await anAddingModel(client, { amount: 1, version: '1.0.0' })
    await client.versions.import({ model_id, file: addModel(2), trusted: true, version: '1.1.0' })
    let over = false
    const running = traffic([client], model_id, () => over)
    for (let round = 0; round < 25; round++) {
      await client.models.deploy({ model_id, version: '1.1.0', strategy: { type: 'canary', percent: 30 } })
      await client.models.deploy({ model_id, version: '1.1.0', strategy: { type: 'canary', percent: 80 } })
      await client.models.deploy({ model_id, version: '1.1.0' })
      await client.models.deploy({ model_id, version: '1.0.0' })
    }
    over = true
    const { wrong, answered } = await running
    expect(wrong).toEqual([])
    expect([...answered.keys()].sort()).toEqual(['1.0.0', '1.1.0'])
  }, 60_000)
})

describe.skipIf(!DATABASES.includes('postgres'))('two replicas', () => {
  let database: TestDatabase
  let store = ''
  let one: TestApp
  let two: TestApp
  let model_id = ''
  beforeAll(async () => {
    database = await aDatabase()
    store = await mkdtemp(join(tmpdir(), 'modelyard-store-'))
    const start = () => startApp({ database: database.url, worker: false, config: { modelPath: store } })
    ;[one, two] = await Promise.all([start(), start()])
    ;({ model_id } = await anAddingModel(one.client, { amount: 1, version: '1.0.0' }))
    await one.client.versions.import({ model_id, file: addModel(2), trusted: true, version: '1.1.0' })
    await one.client.versions.import({ model_id, file: pickyModel(2), trusted: true, version: '1.2.0' })
  })
  afterAll(async () => {
    await Promise.all([one.stop(), two.stop()])
    await database[Symbol.asyncDispose]()
    await rm(store, { recursive: true, force: true })
  })

  const eventually = (work: () => Promise<unknown>) => expect.poll(work, { timeout: 15_000, interval: 50 })
  const keysAt = async ({ client }: TestApp) => {
    const ask = async (x: number) => (await client.models.predict({ model_id, input_data: { x } })).version
    const versions = await Promise.all(Array.from({ length: 40 }, (_, x) => ask(x)))
    return versions.flatMap((version, x) => (version === '1.0.0' ? [] : [x]))
  }
  const report = () => two.client.rollouts.get({ model_id, environment: 'production' })

  it('move the same keys, and their counts are added up', async () => {
    const strategy = { type: 'canary', percent: 50, sticky_by: 'x' } as const
    await one.client.models.deploy({ model_id, version: '1.1.0', strategy })
    const moved = await keysAt(one)
    expect(moved.length).toBeGreaterThan(5)
    await eventually(() => keysAt(two)).toEqual(moved)
    await eventually(async () => (await report()).replicas.map(({ ready }) => ready)).toEqual([true, true])
    await eventually(async () => {
      const { champion, challenger } = await report()
      return champion.requests + challenger.requests
    }).toBeGreaterThanOrEqual(80)
    await two.client.models.rollback({ model_id })
    expect(await keysAt(two)).toEqual([])
    await eventually(() => keysAt(one)).toEqual([])
  })

  it('roll a version back once, whichever of them finds out', async () => {
    const strategy = { type: 'canary', percent: 50, sticky_by: 'x', limits: { min_requests: 10 } } as const
    await one.client.models.deploy({ model_id, version: '1.2.0', strategy })
    const ask = ({ client }: TestApp) =>
      Promise.all(
        Array.from({ length: 20 }, (_, x) => client.models.predict({ model_id, input_data: { x } }).catch(() => {})),
      )
    await eventually(async () => {
      await Promise.all([ask(one), ask(two)])
      return (await report()).state
    }).toBe('rolled_back')
    await eventually(async () => [...(await keysAt(one)), ...(await keysAt(two))]).toEqual([])
    const { items } = await one.client.models.deployments({ model_id })
    const [last, before] = items
    expect(last).toMatchObject({ action: 'rollback', from_version: '1.2.0' })
    expect(before).toMatchObject({ action: 'deploy', version: '1.2.0' })
  })
})
