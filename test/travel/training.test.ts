// Training a travel service is a job like every other: queued, followed, cancelled, taken up again, done once.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { travelWorld } from '../../src/cli/demo/travel-world.ts'
import type { MlClient } from '../../src/client.ts'
import type { Interaction } from '../../src/contract/features.ts'
import type { TrainingJob } from '../../src/contract/training.ts'
import { seededRandom } from '../../src/core/random.ts'
import { aDatabase, DATABASES, startApp, startAppOn, type TestApp } from '../helpers/app.ts'
import { untilEnded } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { temporaryFiles } from '../helpers/files.ts'
import { rowsOf } from '../helpers/tables.ts'

const DAY = 86_400_000
const START = Date.parse('2025-01-06T00:00:00Z')

/** What is clicked by users of two kinds, at the hours of their kind. */
function clicks(users: number, each: number, since = START, seed = 3): Interaction[] {
  const random = seededRandom(seed)
  return Array.from({ length: users * each }, (_, i): Interaction => {
    const kind = i % 2
    const hour = 9 + 9 * kind + random.integer(2)
    return {
      user_id: `u${i % users}`,
      item_id: `p${kind * 10 + random.integer(10)}`,
      event: 'clicked',
      at: new Date(since + Math.floor(i / users) * DAY + hour * 3_600_000).toISOString(),
    }
  })
}

async function record(client: MlClient, interactions: readonly Interaction[]): Promise<void> {
  for (let from = 0; from < interactions.length; from += 1000) {
    await client.interactions.record({ interactions: interactions.slice(from, from + 1000) })
  }
}

async function eventsOf(app: TestApp, job_id: string) {
  const { outbox } = await rowsOf(app, 'default')
  return (outbox as { seq: number; event: { type: string; data: Record<string, unknown> } }[])
    .filter(({ event }) => event.data.job_id === job_id)
    .toSorted((a, b) => a.seq - b.seq)
    .map(({ event }) => event)
}

describe.each([...DATABASES])('training travel services on the %s database', (database) => {
  it('is accepted, told of while it runs, and ends with a version', { timeout: 240_000 }, async () => {
    await using app = await startAppOn(database)
    const { client } = app
    await record(client, clicks(40, 6))
    for (const service of ['recommend', 'notify'] as const) {
      const { job_id, model_id, version, examples } = await client.travel.train({ service, seed: 7 })
      expect(examples).toBe(240)
      const seen: TrainingJob[] = []
      for await (const { data } of client.training_jobs.events({ job_id })) seen.push(data as TrainingJob)
      expect(seen.at(-1)).toMatchObject({ status: 'succeeded', progress: 1, dataset_id: null, model_id, version })
      const told = (await eventsOf(app, job_id)).map(({ type }) => type)
      expect(told.filter((type) => type !== 'ml.training.progress')).toEqual([
        'ml.training.started',
        'ml.training.completed',
        'ml.model.trained',
      ])
      expect(told).toContain('ml.training.progress')
      expect((await client.training_jobs.list({ model_id })).items).toMatchObject([{ id: job_id }])
      const { lineage } = await client.versions.get({ model_id, version })
      expect(lineage).toMatchObject({ seed: 7, training_job_id: job_id, dataset_id: null, dataset_sha256: null })
      expect(lineage.environment).toHaveProperty('onnxruntime')
      expect((await client.models.get({ model_id })).deployments).toEqual({ production: version })
    }
    expect(await temporaryFiles(app)).toEqual([])
  })

  it('is asked for once under one key', async () => {
    await using app = await startAppOn(database, { worker: false })
    await record(app.client, clicks(40, 6))
    const ask = () => app.client.travel.train({ service: 'recommend' }, { idempotencyKey: 'once' })
    const { job_id } = await ask()
    expect((await ask()).job_id).toBe(job_id)
    expect((await app.client.training_jobs.list()).items).toHaveLength(1)
  })

  it('can be cancelled before it begins, and while it learns', { timeout: 240_000 }, async () => {
    await using app = await startAppOn(database)
    const { client } = app
    await record(client, clicks(400, 30))
    const running = await client.travel.train({ service: 'recommend' })
    const waiting = await client.travel.train({ service: 'notify' })
    await expect
      .poll(async () => (await client.training_jobs.get({ job_id: running.job_id })).stage, { timeout: 120_000 })
      .toBe('choose')
    const stopped = await client.training_jobs.cancel({ job_id: waiting.job_id })
    expect(stopped).toMatchObject({ status: 'cancelled', started_at: null })
    await client.training_jobs.cancel({ job_id: running.job_id })
    expect(await untilEnded(client, running.job_id)).toMatchObject({ status: 'cancelled' })
    for (const { model_id, version } of [running, waiting]) {
      expect(await client.versions.get({ model_id, version })).toMatchObject({ status: 'failed' })
      expect((await client.models.get({ model_id })).deployments).toEqual({})
    }
    expect(await temporaryFiles(app)).toEqual([])
    expect((await client.recommend.destinations({ user_id: 'u1' })).confidence).toBeLessThan(0.3)
  })

  it('goes on where a worker died, and leaves one version', { timeout: 240_000 }, async () => {
    await using made = database === 'postgres' ? await aDatabase() : undefined
    const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-travel-'))
    const place = { dataDir, ...(made && { database: made.url }) }
    const before = await startApp({ ...place, worker: false })
    await record(before.client, clicks(40, 6))
    const { job_id, model_id } = await before.client.travel.train({ service: 'notify' })
    expect(await before.client.training_jobs.get({ job_id })).toMatchObject({ status: 'queued', started_at: null })
    // What a killed worker leaves behind: a job that runs, says the row, and nobody runs.
    await before.app.services.db.system((tx) =>
      tx.updateTable('training_jobs').set({ status: 'running', attempt: 1 }).where('id', '=', job_id).execute(),
    )
    await before.stop()
    const after = await startApp({ ...place, worker: true })
    expect(await untilEnded(after.client, job_id)).toMatchObject({ status: 'succeeded' })
    expect((await eventsOf(after, job_id))[0]).toMatchObject({ type: 'ml.training.started', data: { attempt: 2 } })
    expect((await after.client.versions.list({ model_id })).items).toMatchObject([{ status: 'deployed' }])
    await after.stop()
    await rm(dataDir, { recursive: true, force: true })
  })

  it('compares with what is live on what happened since, and keeps what is not better', {
    timeout: 240_000,
  }, async () => {
    await using app = await startAppOn(database)
    const { client } = app
    const began = Date.now() - 40 * DAY
    await record(client, clicks(60, 10, began))
    const learn = async () => untilEnded(client, (await client.travel.train({ service: 'recommend' })).job_id)
    expect((await learn()).message).toContain('first version')
    // As if it had been trained then.
    const trained_at = new Date(began + 10 * DAY)
    await app.app.services.db.system((tx) => tx.updateTable('model_versions').set({ trained_at }).execute())
    await record(client, clicks(60, 10, began + 20 * DAY, 4))
    const { message } = await learn()
    const { gate, ranking } = await client.versions.evaluation({ model_id: 'travel_recommend', version: '1.1.0' })
    expect(gate).toMatchObject({ champion: '1.0.0', metric: 'ndcg_at_10', value: ranking!.figures.ndcg })
    expect(gate.champion_value).toBe(ranking!.champion!.ndcg)
    expect(gate.promote).toBe(gate.value > gate.champion_value!)
    expect(message).toContain(gate.promote ? 'is live' : 'was not promoted')
    const { deployments } = await client.models.get({ model_id: 'travel_recommend' })
    expect(deployments).toEqual({ production: gate.promote ? '1.1.0' : '1.0.0' })
  })

  it('is refused at once, naming what is missing, and makes no model', async () => {
    await using app = await startAppOn(database, { worker: false })
    const { client } = app
    for (const service of ['match', 'recommend', 'notify'] as const) {
      expect(await refusal(client.travel.train({ service }))).toMatchObject({
        kind: 'conflict',
        code: 'TRAVEL_TOO_LITTLE_RECORDED',
      })
    }
    expect((await client.models.list()).items).toEqual([])
    // Ratings without a value say nothing, messages sent are no activity, and what is no destination does not count.
    await client.features.declare({ entity_type: 'destination', features: [{ name: 'name', dtype: 'string' }] })
    await client.features.ingest({ entity_type: 'destination', rows: [{ entity_id: 'p1', name: 'One' }] })
    const { acts } = travelWorld()
    const silent = acts.slice(0, 50).map(({ user_id, at }) => ({ user_id, item_id: 'p1', event: 'rated', at: at! }))
    const elsewhere = silent.map((one) => ({ ...one, item_id: 'nowhere', event: 'clicked' }))
    const sent = silent.map((one) => ({ ...one, event: 'sent', channel: 'push' }))
    await record(client, [...silent, ...sent, ...elsewhere.slice(0, 2)])
    expect(await refusal(client.travel.train({ service: 'recommend' }))).toMatchObject({ details: { found: 0 } })
  })
})

describe.skipIf(!DATABASES.includes('postgres'))('two workers', () => {
  it('never learn the same twice', { timeout: 240_000 }, async () => {
    await using made = await aDatabase()
    const modelPath = await mkdtemp(join(tmpdir(), 'modelyard-store-'))
    const start = () => startApp({ database: made.url, worker: true, config: { modelPath } })
    const [one, two] = await Promise.all([start(), start()])
    await record(one.client, clicks(40, 6))
    const jobs = await Promise.all(
      [one, two, one, two].map(({ client }) => client.travel.train({ service: 'recommend' })),
    )
    expect(new Set(jobs.map(({ version }) => version)).size).toBe(4)
    for (const { job_id } of jobs) {
      const ended = await untilEnded(two.client, job_id)
      expect(ended.status, ended.message).toBe('succeeded')
      const told = (await eventsOf(one, job_id)).map(({ type }) => type)
      expect(told.filter((type) => type === 'ml.training.started')).toHaveLength(1)
      expect(told.filter((type) => type === 'ml.training.completed')).toHaveLength(1)
    }
    await Promise.all([one.stop(), two.stop()])
    await rm(modelPath, { recursive: true, force: true })
  })
})
