// Several processes on one PostgreSQL: what one decides the others serve, and workers stand in for each other.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { travelWorld } from '../../src/cli/demo/travel-world.ts'
import { bumpServingRevision } from '../../src/ports/db/index.ts'
import { servers } from '../servers/servers.ts'
import { outboxOf } from './events.ts'
import { FLOWER } from './flowers.ts'
import { makePlace, type Place } from './place.ts'
import { type Program, type Service, startService, startWorker, until, untilHealthy } from './processes.ts'
import { MODEL, submit, trainVersions, untilEnded } from './steps.ts'

const { postgres } = await servers('postgres')
/** Twice the time that replicas poll at, and more: what is meant is "soon", on a machine that does other things too. */
const SOON_MS = 6_000
/** A dead worker's lease, and time for the work. */
const TAKE_OVER_MS = 90_000

describe.skipIf(!postgres)('replicas', () => {
  let place: Place
  let one: Service
  let other: Service
  const workers: Program[] = []
  const addWorker = async (name: string) => {
    const worker = await startWorker(place.sibling(name))
    workers.push(worker)
    return worker
  }
  const versionAt = async ({ client }: Service) => {
    return (await client.models.predict({ model_id: MODEL, input_data: FLOWER })).version
  }
  const served = async (service: Service, version: string) => {
    const started = performance.now()
    const same = async () => (await versionAt(service)) === version
    await until(same, { timeoutMs: SOON_MS, everyMs: 20, what: `version ${version}` })
    return Math.round(performance.now() - started)
  }

  beforeAll(async () => {
    place = await makePlace({ postgres: postgres!.url })
    const queueing = { RUN_WORKER: 'false' }
    const start = (name: string) => startService({ ...place.sibling(name), ...queueing })
    ;[one, other] = await Promise.all([start('one'), start('other')])
    await Promise.all([untilHealthy(one), untilHealthy(other)])
  })
  afterAll(async () => {
    await Promise.all([one, other, ...workers].map((program) => program?.[Symbol.asyncDispose]()))
    await place?.[Symbol.asyncDispose]()
  })

  it('only queue jobs when they are told not to work on them', async () => {
    const { job_id } = await submit(one)
    await sleep(2_000)
    expect(await other.client.training_jobs.get({ job_id })).toMatchObject({ status: 'queued', started_at: null })
  })

  it('leave the work to a worker process, whichever of them took the job', async () => {
    await addWorker('worker')
    const { items } = await other.client.training_jobs.list()
    expect((await untilEnded(other, items[0]!.id)).status).toBe('succeeded')
    await trainVersions(one, 2)
    await served(one, '1.0.0')
    await served(other, '1.0.0')
  })

  it('serve what another one deployed or rolled back', async () => {
    await one.client.models.deploy({ model_id: MODEL, version: '1.1.0' })
    const there = await served(other, '1.1.0')
    await other.client.models.rollback({ model_id: MODEL })
    const back = await served(one, '1.0.0')
    process.stderr.write(`replicas: a deployment was served elsewhere after ${there} ms, a rollback after ${back} ms\n`)
  })

  it('serve a change whose notification was lost', async () => {
    await place.database((db) =>
      db.system(async (tx) => {
        await tx.updateTable('live_versions').set({ version: '1.1.0' }).execute()
        await bumpServingRevision(tx) // without the wake-up that a deployment sends with it
      }),
    )
    const after = await Promise.all([served(one, '1.1.0'), served(other, '1.1.0')])
    process.stderr.write(`replicas: a change without its notification was served after ${after.join(' and ')} ms\n`)
  })

  it('finish the job of a worker that was killed, and say that it was interrupted', async () => {
    const [first] = workers
    const { job_id } = await submit(one, { seed: 7, rows: 20_000 })
    await until(() => first!.trainings().length > 0, { everyMs: 5, what: 'the training to begin' })
    await addWorker('stand-in')
    await first!.kill()
    expect((await untilEnded(one, job_id, TAKE_OVER_MS)).status).toBe('succeeded')
    const events = (await outboxOf(place)).filter(({ event }) => event.subject === job_id)
    const attempts = events.filter(({ event }) => event.type === 'ml.training.started').map(({ event }) => event.data)
    expect(attempts).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
  }, 120_000)

  it('finish what a worker that was killed was learning from recorded interactions, once', async () => {
    await Promise.all([addWorker('third'), addWorker('fourth')])
    const { client } = one
    const { acts, places } = travelWorld()
    await client.features.declare({ entity_type: 'destination', features: [{ name: 'name', dtype: 'string' }] })
    const rows = places.map(({ entity_id, name }) => ({ entity_id, name }))
    await client.features.ingest({ entity_type: 'destination', rows })
    await client.interactions.record({ interactions: [...acts] })
    const { job_id, model_id } = await client.travel.train({ service: 'recommend' })
    const busy = () => workers.filter((worker) => worker.trainings().length > 0)
    await until(() => busy().length > 0, { everyMs: 5, what: 'the training to begin' })
    expect(busy()).toHaveLength(1)
    await busy()[0]!.kill()
    expect((await untilEnded(one, job_id, TAKE_OVER_MS)).status).toBe('succeeded')
    const events = (await outboxOf(place)).map(({ event }) => event)
    const attempts = events.filter(({ type, subject }) => type === 'ml.training.started' && subject === job_id)
    expect(attempts.map(({ data }) => data)).toMatchObject([{ attempt: 1 }, { attempt: 2 }])
    expect(events.filter(({ type, subject }) => type === 'ml.model.trained' && subject === model_id)).toHaveLength(1)
    expect((await client.versions.list({ model_id })).items).toMatchObject([{ version: '1.0.0', status: 'deployed' }])
  }, 180_000)
})
