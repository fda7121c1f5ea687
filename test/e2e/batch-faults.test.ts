// Batch jobs submitted without a pause while everything falls over at random moments: the API in the middle of a submission, workers in
// the middle of a chunk, a worker that stands still beyond its lease and lives on, PostgreSQL, NATS and Redis. What was accepted ends as in
// an undisturbed run, byte for byte, and its event arrives. FAULT_SEED repeats a sequence, BATCH_FAULTS lengthens it.
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Random, seededRandom, shuffle } from '../../src/core/random.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { startNats } from '../servers/nats.ts'
import { startPostgres } from '../servers/postgres.ts'
import { startRedis } from '../servers/redis.ts'
import type { TestServer } from '../servers/server.ts'
import { servers } from '../servers/servers.ts'
import { type BusFollower, followBus } from './bus.ts'
import { makePlace, type Place } from './place.ts'
import { type Program, type Service, startService, startWorker, until, untilHealthy } from './processes.ts'
import { expectUndisturbed, BATCH_SETTINGS as SETTINGS, startSubmitter, undisturbed } from './submitter.ts'

const { postgres, redis, nats } = await servers('postgres', 'redis', 'nats')
const SEED = Number(process.env.FAULT_SEED ?? randomInt(1_000_000))
const FAULTS = Number(process.env.BATCH_FAULTS ?? 4)
const TENANT = 'faults'

type Fault = 'api' | 'worker' | 'frozen worker' | 'postgres' | 'nats' | 'redis'
const KINDS: readonly Fault[] = ['api', 'worker', 'frozen worker', 'postgres', 'nats', 'redis']

describe.skipIf(!postgres || !redis || !nats)('batch jobs while everything falls over', () => {
  const random = seededRandom(SEED)
  const own = new Map<string, TestServer>()
  const workers: Program[] = []
  let place: Place
  let api: Service
  let bus: BusFollower

  const startApi = async () => {
    api = await startService({ ...place.settings, ...SETTINGS, RUN_WORKER: 'false' }, TENANT)
  }
  const startNumbered = (index: number) => startWorker({ ...place.sibling(`worker-${index}`), ...SETTINGS })

  beforeAll(async () => {
    const [database, cache, events] = await Promise.all([startPostgres({ durable: true }), startRedis(), startNats()])
    own.set('postgres', database).set('redis', cache).set('nats', events)
    place = await makePlace({ postgres: database.url, redis: cache.url, nats: events.url })
    bus = await followBus(events.url, TENANT)
    await startApi()
    await untilHealthy(api)
    await anAddingModel(api.client)
    workers.push(...(await Promise.all([0, 1].map(startNumbered))))
  }, 180_000)
  afterAll(async () => {
    await Promise.all([...workers, ...(api ? [api] : [])].map((program) => program[Symbol.asyncDispose]()))
    await bus?.[Symbol.asyncDispose]()
    await place?.[Symbol.asyncDispose]()
    await Promise.all([...own.values()].map((server) => server.stop()))
  })

  const strike: Readonly<Record<Fault, () => Promise<void>>> = {
    api: async () => {
      await api.kill('SIGKILL')
      await startApi()
    },
    worker: async () => {
      const hit = random.integer(workers.length)
      await workers[hit]!.kill('SIGKILL')
      workers[hit] = await startNumbered(hit)
    },
    'frozen worker': async () => {
      const { pid } = workers[random.integer(workers.length)]!
      process.kill(pid, 'SIGSTOP')
      await sleep(2500 + random.next() * 1000)
      process.kill(pid, 'SIGCONT')
    },
    postgres: () => outage('postgres'),
    nats: () => outage('nats'),
    redis: () => outage('redis'),
  }

  async function outage(name: string): Promise<void> {
    const server = own.get(name)!
    await server.kill()
    await sleep(200 + random.next() * 1500)
    await server.restart()
  }

  it(`lose and double nothing in ${FAULTS} faults`, { timeout: 120_000 + FAULTS * 60_000 }, async () => {
    process.stderr.write(`batch faults: FAULT_SEED=${SEED}\n`)
    const expected = await undisturbed(api)
    const submitter = startSubmitter(() => api)
    for (const fault of faults(random)) {
      await sleep(300 + random.next() * 1200)
      await strike[fault]()
      await untilHealthy(api)
    }
    const accepted = await submitter.stop()
    expect(accepted.length).toBeGreaterThan(FAULTS)
    const ids = await expectUndisturbed(api, accepted, expected)
    const completed = () =>
      [...bus.delivered.values()].filter(({ type }) => type === 'ml.batch.completed').map(({ subject }) => subject)
    await until(() => completed().length >= ids.length, { timeoutMs: 60_000, what: 'the event of every job' })
    expect(completed().sort()).toEqual([...ids].sort())
  })
})

/** Every kind once before any comes twice. */
function faults(random: Random): Fault[] {
  const found: Fault[] = []
  while (found.length < FAULTS) found.push(...shuffle([...KINDS], random))
  return found.slice(0, FAULTS)
}
