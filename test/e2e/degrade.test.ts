// A service on PostgreSQL, Redis, NATS and S3 that loses one after the other, then all at once. Predictions never notice;
// the rest says 503 and when to come back; and everything is well again without a restart of the service.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ServiceHealth } from '../../src/contract/service.ts'
import { MlError } from '../../src/core/failure.ts'
import { startNats } from '../servers/nats.ts'
import { startPostgres } from '../servers/postgres.ts'
import { startRedis } from '../servers/redis.ts'
import { startS3 } from '../servers/s3.ts'
import type { TestServer } from '../servers/server.ts'
import { servers } from '../servers/servers.ts'
import { type BusFollower, followBus } from './bus.ts'
import { FLOWER, flowers } from './flowers.ts'
import { makePlace, type Place } from './place.ts'
import { type Service, startService, until, untilHealthy } from './processes.ts'
import { MODEL, submit, trainVersions, untilEnded } from './steps.ts'

// Asking the pool installs what is missing; the servers of this test are its own, because it stops them.
const { postgres, redis, nats, s3 } = await servers('postgres', 'redis', 'nats', 's3')
const TENANT = 'degrade'
const ANSWER_LIMIT_MS = 10_000
const RECOVERY_MS = 60_000

type Name = 'postgres' | 'redis' | 'nats' | 's3'
const DEPENDENCY: Readonly<Record<Name, string>> = { postgres: 'database', redis: 'cache', nats: 'bus', s3: 'objects' }
const NAMES = Object.keys(DEPENDENCY) as Name[]

describe.skipIf(!postgres || !redis || !nats || !s3)('a service that loses what it stands on', () => {
  const own = new Map<Name, TestServer>()
  let place: Place
  let service: Service
  let bus: BusFollower
  let predictions: Predictions

  beforeAll(async () => {
    // Durable, because what a database forgets when it is killed is not the service's to remember.
    const starting = [startPostgres({ durable: true }), startRedis(), startNats(), startS3()] as const
    const [database, cache, events, store] = await Promise.all(starting)
    own.set('postgres', database).set('redis', cache).set('nats', events).set('s3', store)
    const urls = { postgres: database.url, redis: cache.url, nats: events.url }
    place = await makePlace({ ...urls, s3: store.place })
    bus = await followBus(events.url, TENANT)
    service = await startService(place.settings, TENANT)
    await untilHealthy(service)
    await trainVersions(service, 1)
    const loaded = async () => (await service.client.ready()).model_version_id
    await until(loaded, { what: 'the model to be loaded: until then the registry is asked' })
    predictions = startPredictions(service)
  }, 180_000)
  afterAll(async () => {
    await predictions?.stop()
    await service?.[Symbol.asyncDispose]()
    await bus?.[Symbol.asyncDispose]()
    await place?.[Symbol.asyncDispose]()
    await Promise.all([...own.values()].map((server) => server.stop()))
  })

  const outages: readonly (readonly Name[])[] = [...NAMES.map((name) => [name]), NAMES]
  it.each(outages.map((away) => ({ title: away.join(', '), away })))(
    '$title',
    { timeout: 180_000 },
    async ({ away }) => {
      const before = predictions.count()
      await Promise.all(away.map((name) => own.get(name)!.kill()))
      try {
        const degraded = await until(() => healthWith(service, away), { what: `health to miss ${away.join()}` })
        expect(degraded.status).toBe('degraded')
        expect(JSON.stringify(degraded)).not.toMatch(/:[^/@"]+@/) // user:password@host
        const answers = await Promise.all(OTHERS.map((other) => outcome(service, other)))
        const expected = OTHERS.map(({ needs }) => (needs.some((name) => away.includes(name)) ? UNAVAILABLE : 'fine'))
        expect(byName(answers)).toEqual(byName(expected))
        await until(() => predictions.count() > before + 20, { what: 'predictions to go on' })
      } finally {
        await Promise.all(away.map((name) => own.get(name)!.restart()))
      }
      await untilHealthy(service, RECOVERY_MS)
      await everythingWorks()
      expect(predictions.failures).toEqual([])
    },
  )

  /** Upload, training and prediction; and the bus has, in the end, the events of all that happened. */
  async function everythingWorks(): Promise<void> {
    const { job_id } = await submit(service)
    expect((await untilEnded(service, job_id)).status).toBe('succeeded')
    const sent = async () => {
      const rows = await place.database((db) => db.system((tx) => tx.selectFrom('outbox').select('id').execute()))
      return rows.length > 0 && rows.every(({ id }) => bus.delivered.has(id))
    }
    await until(sent, { timeoutMs: RECOVERY_MS, everyMs: 250, what: 'every event to arrive' })
  }
})

interface Predictions {
  count(): number
  readonly failures: readonly string[]
  stop(): Promise<void>
}

function startPredictions({ client }: Service): Predictions {
  const stopping = new AbortController()
  const failures: string[] = []
  let count = 0
  const loop = (async () => {
    while (!stopping.signal.aborted) {
      const started = performance.now()
      try {
        await client.models.predict({ model_id: MODEL, input_data: FLOWER })
        count++
      } catch (error) {
        failures.push(String(error))
      }
      if (performance.now() - started > ANSWER_LIMIT_MS) failures.push('a prediction hung')
      await sleep(20)
    }
  })()
  return {
    count: () => count,
    failures,
    async stop() {
      stopping.abort()
      await loop
    },
  }
}

async function healthWith({ client }: Service, away: readonly Name[]): Promise<ServiceHealth | undefined> {
  const health = await client.health()
  const broken = health.dependencies.filter(({ status }) => status !== 'healthy').map((d) => d.service_name)
  return away.every((name) => broken.includes(DEPENDENCY[name])) && broken.length === away.length ? health : undefined
}

interface Other {
  readonly name: string
  /** Servers without which it cannot be answered. */
  readonly needs: readonly Name[]
  readonly call: (client: Service['client']) => Promise<unknown>
}

const OTHERS: readonly Other[] = [
  { name: 'list datasets', needs: ['postgres'], call: (client) => client.datasets.list() },
  { name: 'show the model', needs: ['postgres'], call: (client) => client.models.get({ model_id: MODEL }) },
  { name: 'list jobs', needs: ['postgres'], call: (client) => client.training_jobs.list() },
  { name: 'make a model', needs: ['postgres'], call: (client) => client.models.create(aModel()) },
  {
    name: 'upload',
    needs: ['postgres', 's3'],
    call: (client) => client.datasets.create({ file: flowers(5), filename: 'flowers.csv' }),
  },
  {
    name: 'download a model file',
    needs: ['postgres', 's3'],
    call: async (client) => {
      const { stream } = await client.versions.artifact({ model_id: MODEL, version: '1.0.0' })
      for await (const _chunk of stream);
    },
  },
]

function byName(answers: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(OTHERS.map(({ name }, index) => [name, answers[index]!]))
}

let made = 0
const aModel = () => ({ name: `another-${++made}`, type: 'classification' }) as const

const UNAVAILABLE = '503 with Retry-After'

/** Nothing may hang or be a 500, and a refusal says when to come back. */
async function outcome({ client }: Service, { call }: Other): Promise<string> {
  const started = performance.now()
  const answer = await call(client).then(
    () => 'fine',
    (error: unknown) => {
      if (!(error instanceof MlError)) return String(error)
      const { status } = (error.cause ?? {}) as { readonly status?: number }
      return status === 503 && error.retryAfterSeconds !== undefined ? UNAVAILABLE : `${error.code}: ${error.message}`
    },
  )
  return performance.now() - started > ANSWER_LIMIT_MS ? `${answer}, but late` : answer
}
