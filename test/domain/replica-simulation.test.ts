// The contract between replicas under seeded random interleavings, against the real SQL: schedules that come due, runs that are claimed,
// started, lost and started late by replicas that do not know it; versions deployed and rolled back at once; events claimed for webhooks by
// senders that die. What must always hold is checked after every step. (Chunks of batch jobs: batch-claims.test.ts.)
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../../src/core/random.ts'
import { claimRuns, queueDue, startRun } from '../../src/domain/schedules/start.ts'
import { Serving } from '../../src/domain/serving/index.ts'
import { claimDeliveries, type Due } from '../../src/domain/webhooks/deliver.ts'
import type { Tx } from '../../src/ports/db/index.ts'
import { aDatabase, DATABASES, startApp, type TestApp, type TestDatabase } from '../helpers/app.ts'
import { anAddingModel, aTable } from '../helpers/builders.ts'
import { type Refusal, refusal } from '../helpers/failing.ts'

const VERSIONS = ['1.0.0', '1.1.0', '1.2.0']
const STEPS = 60
const RACES_LOST = ['ALREADY_DEPLOYED', 'NO_EARLIER_VERSION', 'NOT_DEPLOYED']

type Run = Awaited<ReturnType<typeof claimRuns>>[number]

interface World {
  readonly apps: readonly TestApp[]
  readonly serving: Serving
  readonly random: Random
  /** Claimed by a replica that is about to start them. */
  readonly held: Run[]
  /** Claimed by a replica that was taken for dead, and lives. */
  readonly late: Run[]
  /** Deliveries that a sender has in hand, by id. */
  readonly sending: Map<string, Due>
}

const system = <T>({ apps }: World, work: (tx: Tx) => Promise<T>) => apps[0]!.app.services.db.system(work)
const one = <T>(list: readonly T[], random: Random): T | undefined => list[random.integer(Math.max(1, list.length))]
const take = <T>(list: T[], random: Random): T | undefined =>
  list.splice(random.integer(Math.max(1, list.length)), 1)[0]
const clientOf = ({ apps, random }: World) => one(apps, random)!.client

async function start(world: World, run: Run): Promise<void> {
  const { services } = one(world.apps, world.random)!.app
  await startRun({ services, serving: world.serving }, run, new AbortController().signal)
}

const ACTIONS: Readonly<Record<string, (world: World) => Promise<unknown>>> = {
  timePasses: (world) =>
    system(world, (tx) =>
      sql`update schedules set next_run_at = clock_timestamp() - interval '1 minute' * ${world.random.integer(9)}::integer`.execute(
        tx,
      ),
    ),
  // All replicas at once.
  queue: ({ apps }) => Promise.all(apps.map(({ app }) => app.services.db.system(queueDue))),
  claim: async (world) => {
    const found = await Promise.all(world.apps.map(({ app }) => app.services.db.system(claimRuns)))
    const ids = found.flat().map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    world.held.push(...found.flat())
  },
  start: async (world) => {
    const run = take(world.held, world.random)
    if (run) await start(world, run)
  },
  timeOut: async (world) => {
    const run = take(world.held, world.random)
    if (!run) return
    world.late.push(run)
    await system(world, (tx) =>
      sql`update schedule_runs set next_attempt_at = clock_timestamp() where id = ${run.id} and status = 'waiting'`.execute(
        tx,
      ),
    )
  },
  startLate: async (world) => {
    const run = take(world.late, world.random)
    if (run) await start(world, run)
  },
  // Twice at the same moment, by two replicas that both believe to have it.
  startTwice: async (world) => {
    const run = take(world.held, world.random)
    if (run) await Promise.all([start(world, run), start(world, run)])
  },
  endJob: (world) =>
    system(world, (tx) =>
      sql`update training_jobs set status = 'succeeded' where id = (select id from training_jobs where status = 'queued' limit 1)`.execute(
        tx,
      ),
    ),
  deploy: async (world) => {
    const asked = [1, 2].map(() => ({ model_id: 'adder', version: one(VERSIONS, world.random)! }))
    await Promise.all(asked.map((input) => unlessRaceLost(clientOf(world).models.deploy(input))))
  },
  rollback: async (world) => {
    const back = () => unlessRaceLost(clientOf(world).models.rollback({ model_id: 'adder' }))
    const forth = () =>
      unlessRaceLost(clientOf(world).models.deploy({ model_id: 'adder', version: one(VERSIONS, world.random)! }))
    await Promise.all(world.random.integer(2) === 0 ? [back(), forth()] : [forth(), back()])
  },
  send: async (world) => {
    const found = await Promise.all(
      world.apps.map(({ app }) => app.services.db.system((tx) => claimDeliveries(tx, [], 3))),
    )
    for (const due of found.flat()) {
      expect(world.sending.has(due.id)).toBe(false)
      world.sending.set(due.id, due)
    }
  },
  senderDies: async (world) => {
    const due = one([...world.sending.values()], world.random)
    if (!due) return
    world.sending.delete(due.id)
    await system(world, (tx) =>
      sql`update webhook_deliveries set next_attempt_at = clock_timestamp() where id = ${due.id}`.execute(tx),
    )
  },
}

async function unlessRaceLost(change: Promise<unknown>): Promise<void> {
  const { code } = await change.then(
    () => ({ code: RACES_LOST[0] }) as Refusal,
    (error: unknown) => refusal(Promise.reject(error)),
  )
  expect(RACES_LOST).toContain(code)
}

/** What must hold whatever happened when. */
async function check(world: World): Promise<void> {
  await system(world, async (tx) => {
    const runs = await tx.selectFrom('schedule_runs').selectAll().execute()
    const jobs = await tx.selectFrom('training_jobs').select('id').execute()
    const ofRuns = new Set(runs.map(({ id }) => `job_${id.slice(4)}`))
    expect(jobs.filter(({ id }) => !ofRuns.has(id))).toEqual([])
    const started = runs.filter(({ status }) => status === 'started')
    for (const { id, job_id } of started) expect(job_id).toBe(`job_${id.slice(4)}`)
    const known = new Set(jobs.map(({ id }) => id))
    expect(started.filter(({ job_id }) => !known.has(job_id!))).toEqual([])
    expect(runs.filter(({ status }) => status === 'failed')).toEqual([])
    const times = runs.filter(({ by_clock }) => by_clock).map((run) => `${run.schedule_id} ${run.due_at.toISOString()}`)
    expect(new Set(times).size).toBe(times.length)

    const history = await tx.selectFrom('deployments').selectAll().orderBy('seq').execute()
    const live = await tx.selectFrom('live_versions').selectAll().execute()
    const versions = await tx.selectFrom('model_versions').select(['version', 'status']).execute()
    expect(live.map(({ version }) => version)).toEqual(history.slice(-1).map(({ version }) => version))
    expect(history.map(({ from_version }) => from_version)).toEqual([
      null,
      ...history.slice(0, -1).map(({ version }) => version),
    ])
    expect(versions.filter(({ status }) => status === 'deployed').map(({ version }) => version)).toEqual(
      live.map(({ version }) => version),
    )

    const { rows } = await sql<{ missing: string }>`
      select o.id as missing from outbox o where not exists (select from webhook_deliveries d where d.event_id = o.id)`.execute(
      tx,
    )
    expect(rows).toEqual([])
  })
}

describe.each([...DATABASES])('replicas on the %s database', (database) => {
  let made: TestDatabase | undefined
  const apps: TestApp[] = []
  beforeAll(async () => {
    made = database === 'embedded' ? undefined : await aDatabase()
    const options = { worker: false, ...(made && { database: made.url }) }
    apps.push(await startApp(options))
    if (made) apps.push(await startApp({ ...options, dataDir: apps[0]!.dataDir }))
    const { client } = apps[0]!
    await client.webhooks.create({ url: 'https://example.org' })
    for (const version of VERSIONS) await anAddingModel(client, { version, live: version === VERSIONS[0] })
    await client.datasets.create({ name: 'customers', rows: aTable({ rows: 20 }), target: 'bought' })
    for (const name of ['one', 'two', 'three']) {
      await client.schedules.create({
        name,
        operation: 'models.train',
        input: { model_name: `of-${name}`, model_type: 'classification', algorithm: 'logistic_regression' },
        dataset_name: 'customers',
        cron: '0 3 * * *',
      })
    }
  })
  afterAll(async () => {
    for (const app of apps.toReversed()) await app.stop()
    await made?.[Symbol.asyncDispose]()
  })

  it.each([1, 2])('keep their word, whatever happens when (seed %i)', { timeout: 120_000 }, async (seed) => {
    const random = seededRandom(seed)
    const serving = new Serving(apps[0]!.app.services)
    const world: World = { apps, serving, random, held: [], late: [], sending: new Map() }
    const names = Object.keys(ACTIONS)
    for (let step = 0; step < STEPS; step++) {
      await ACTIONS[one(names, random)!]!(world)
      await check(world)
    }
    for (const run of [...world.held, ...world.late]) await start(world, run)
    for (const due of world.sending.keys()) {
      await system(world, (tx) => sql`update webhook_deliveries set status = 'delivered' where id = ${due}`.execute(tx))
    }
    await check(world)
    const { items } = await apps[0]!.client.schedules.list()
    expect(items).toHaveLength(3)
    await serving.stop()
  })
})
