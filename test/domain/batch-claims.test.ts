// The queue of chunks under seeded random interleavings of claims, deaths, lost leases, late writes and cancellations, against
// the real SQL: what must never happen is checked after every step.
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Random, seededRandom } from '../../src/core/random.ts'
import {
  type Claim,
  claimChunk,
  completeChunk,
  extendClaim,
  failChunk,
  releaseChunk,
  survive,
  TO_COMPLETE,
  takeBackChunks,
} from '../../src/domain/batch/claim.ts'
import { sweepTurns } from '../../src/domain/batch/index.ts'
import { type Database, endWithNext, json, type Tx } from '../../src/ports/db/index.ts'
import { BACKENDS, type Backend, startBackend } from '../ports/db-backends.ts'

const LEASE = 3600
const AT_ONCE = { trouble: 'outage', pauseSeconds: () => 0 } as const
const RESULT = { failedRows: 0, bytes: 1, errors: [] }

describe.each(BACKENDS)('the queue of chunks: %s', (name) => {
  let backend: Backend
  let db: Database
  beforeAll(async () => {
    backend = await startBackend(name)
    db = await backend.create()
  })
  afterAll(() => backend.stop())
  beforeEach(() => db.system((tx) => sql`truncate batch_jobs, batch_chunks, batch_turns`.execute(tx)))

  const claim = () => db.system((tx) => claimChunk(tx, LEASE))
  const submit = (tenant: string, id: string, chunks: number) => db.system((tx) => submitIn(tx, tenant, id, chunks))
  const letLeaseRunOut = ({ tenantId, jobId, index }: Claim) =>
    db.system((tx) =>
      sql`update batch_chunks set lease_until = clock_timestamp() - interval '1 s'
        where tenant_id = ${tenantId} and job_id = ${jobId} and index = ${index} and status = 'running'`.execute(tx),
    )

  it('serves tenants in turn, so that a small job waits for one chunk of a large one', async () => {
    await submit('large', 'L', 50)
    for (let i = 0; i < 5; i++) expect((await claim())?.tenantId).toBe('large')
    await submit('small', 'S', 2)
    const order = []
    for (let i = 0; i < 6; i++) order.push((await claim())?.tenantId)
    expect(order.filter((tenant) => tenant === 'small')).toHaveLength(2)
    expect(order.indexOf('small')).toBeLessThan(2)
  })

  it('serves a tenant’s chunks in the order of submission', async () => {
    await submit('a', 'first', 2)
    await submit('a', 'second', 2)
    const order = []
    for (let i = 0; i < 4; i++) order.push(await claim())
    expect(order.map((found) => `${found?.jobId} ${found?.index}`)).toEqual([
      'first 0',
      'first 1',
      'second 0',
      'second 1',
    ])
    expect(await claim()).toBeUndefined()
  })

  it('hands each chunk to one of several that claim at once', async () => {
    await submit('a', 'x', 10)
    await submit('b', 'y', 10)
    const found: (Claim | undefined)[] = []
    for (let round = 0; round < 40 && found.filter(Boolean).length < 20; round++) {
      found.push(...(await Promise.all(Array.from({ length: 4 }, claim))))
    }
    const names = found.filter((one) => one !== undefined).map(({ jobId, index }) => `${jobId}${index}`)
    expect(names.sort()).toEqual(['x', 'y'].flatMap((job) => Array.from({ length: 10 }, (_, i) => `${job}${i}`)))
  })

  it('gives several tenants as many turns, also where workers claim at once', async () => {
    const tenants = ['a', 'b', 'c', 'd']
    for (const tenant of tenants) await submit(tenant, 'x', 60)
    const turns = new Map(tenants.map((tenant) => [tenant, 0]))
    for (let round = 0; round < 25; round++) {
      for (const found of await Promise.all(tenants.map(claim))) {
        if (found) turns.set(found.tenantId, turns.get(found.tenantId)! + 1)
      }
    }
    const counts = [...turns.values()]
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(6)
  })

  it('gives none of many tenants two turns for one, however many claim at once', async () => {
    const tenants = Array.from({ length: 40 }, (_, i) => `t${String(i).padStart(2, '0')}`)
    for (const tenant of tenants) await submit(tenant, 'x', 30)
    const turns = new Map(tenants.map((tenant) => [tenant, 0]))
    const work = async () => {
      for (let i = 0; i < 200; i++) {
        const found = (await claim())!
        turns.set(found.tenantId, turns.get(found.tenantId)! + 1)
      }
    }
    await Promise.all([work(), work(), work(), work()])
    // A claim that stands still is passed over meanwhile.
    expect(Math.max(...turns.values()) - Math.min(...turns.values())).toBeLessThanOrEqual(3)
  })

  it('says with the first chunk that its job runs, and waits for nobody who holds the job', async () => {
    await submit('a', 'x', 2)
    const status = () => db.system(async (tx) => (await tx.selectFrom('batch_jobs').selectAll().execute())[0]!)
    await db.system((tx) => tx.updateTable('batch_jobs').set({ status: 'queued' }).execute())
    if (name === 'postgres') {
      const held = await db.system(async (tx) => {
        await tx.selectFrom('batch_jobs').selectAll().forUpdate().execute()
        return claim()
      })
      expect(held?.job.status).toBe('queued')
    }
    expect(await status()).toMatchObject({ status: 'queued', started_at: null })
    expect((await claim())?.job.status).toBe('running')
    expect(await status()).toMatchObject({ status: 'running', started_at: expect.any(Date) })
  })

  it('serves a tenant in its turn also where most tenants have no work, and forgets the turns of those', async () => {
    const idle = Array.from({ length: 250 }, (_, i) => `idle${i}`)
    await db.system((tx) => sql`insert into batch_turns select unnest(${idle}::text[])`.execute(tx))
    for (const tenant of ['a', 'b']) await submit(tenant, 'x', 3)
    const order = [await claim(), await claim()]
    await submit('lately', 'x', 1)
    order.push(await claim())
    await db.system((tx) =>
      tx.updateTable('batch_jobs').set({ status: 'succeeded' }).where('tenant_id', '=', 'lately').execute(),
    )
    const left = async () => {
      const turns = await db.system((tx) => tx.selectFrom('batch_turns').select('tenant_id').orderBy('turn').execute())
      return turns.map(({ tenant_id }) => tenant_id)
    }
    expect(await sweepTurns({ db })).toBe(250)
    // The last of them was served after the others: it would come before them without its turn.
    expect(await left()).toEqual(['a', 'b', 'lately'])
    for (let i = 0; i < 4; i++) order.push(await claim())
    expect(order.map((found) => found?.tenantId)).toEqual(['a', 'b', 'lately', 'a', 'b', 'a', 'b'])
    expect(await sweepTurns({ db })).toBe(0)
  })

  // Two transactions at once, which the embedded database does not have.
  if (name === 'postgres') {
    it('forgets no turn that a submission has just found', async () => {
      const idle = Array.from({ length: 250 }, (_, i) => `idle${i}`)
      await db.system((tx) => sql`insert into batch_turns select unnest(${idle}::text[])`.execute(tx))
      await submit('idle7', 'old', 1)
      await db.system((tx) => tx.deleteFrom('batch_jobs').execute())
      let swept: Promise<unknown> = Promise.resolve()
      await db.system(async (tx) => {
        await submitIn(tx, 'idle7', 'x', 1)
        swept = sweepTurns({ db }).catch((error: unknown) => error)
        await new Promise((resolve) => setTimeout(resolve, 300))
      })
      await swept
      expect((await claim())?.tenantId).toBe('idle7')
    })
  }

  it('tells a chunk from that of a job submitted again under the id of a deleted one', async () => {
    await submit('a', 'x', 1)
    const old = (await claim())!
    await db.system((tx) => tx.deleteFrom('batch_jobs').execute())
    await submit('a', 'x', 1)
    const present = (await claim())!
    expect(await db.system((tx) => extendClaim(tx, old, LEASE))).toBe(false)
    expect(await db.system((tx) => completeChunk(tx, old, RESULT))).toBeUndefined()
    expect(await db.system((tx) => failChunk(tx, old, AT_ONCE))).toBeUndefined()
    await db.system((tx) => releaseChunk(tx, old))
    await db.system((tx) => survive(tx, old))
    expect(await db.system((tx) => completeChunk(tx, present, RESULT))).toBeDefined()
  })

  it('lets a worker write nothing once its chunk was taken over', async () => {
    await submit('a', 'x', 1)
    const late = (await claim())!
    await letLeaseRunOut(late)
    expect(await db.system((tx) => takeBackChunks(tx, 'expired'))).toMatchObject([{ jobId: 'x', deaths: 1 }])
    const next = (await claim())!
    expect(next.attempt).toBe(late.attempt + 1)
    expect(await db.system((tx) => extendClaim(tx, late, LEASE))).toBe(false)
    expect(await db.system((tx) => completeChunk(tx, late, RESULT))).toBeUndefined()
    expect(await db.system((tx) => failChunk(tx, late, AT_ONCE))).toBeUndefined()
    expect(await db.system((tx) => completeChunk(tx, next, RESULT))).toBeDefined()
    expect(await db.system((tx) => completeChunk(tx, next, RESULT))).toBeUndefined()
  })

  it('counts each of the chunks that end at once, and nothing of a job that was cancelled meanwhile', async () => {
    await submit('a', 'x', 12)
    const held: Claim[] = []
    for (let found = await claim(); found; found = await claim()) held.push(found)
    const counted = await Promise.all(held.slice(0, 8).map((mine) => completeAndClaim(db, mine)))
    expect(counted.map(([done]) => done?.done_count).sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(counted.every(([, next]) => next === undefined)).toBe(true)
    const late = held[8]!
    if (name === 'postgres') {
      let waiting: Promise<unknown> = Promise.resolve()
      await db.system(async (tx) => {
        await tx.updateTable('batch_jobs').set({ status: 'cancelled' }).execute()
        waiting = completeAndClaim(db, late)
        await new Promise((resolve) => setTimeout(resolve, 300))
      })
      expect(await waiting).toEqual([undefined, undefined])
    }
    await db.system((tx) => tx.updateTable('batch_jobs').set({ status: 'cancelled' }).execute())
    expect(await completeAndClaim(db, late)).toEqual([undefined, undefined])
    const [job] = await db.system((tx) => tx.selectFrom('batch_jobs').selectAll().execute())
    expect(job).toMatchObject({ done_count: 8, processed_count: 8 })
  })

  it('lets a chunk that failed wait before it is tried again', async () => {
    await submit('a', 'x', 1)
    const first = (await claim())!
    expect(await db.system((tx) => failChunk(tx, first, { trouble: 'fault', pauseSeconds: () => 60 }))).toBe(1)
    expect(await claim()).toBeUndefined()
  })

  it('counts faults, outages and dead workers apart', async () => {
    await submit('a', 'x', 1)
    const again = async (work: (mine: Claim) => Promise<unknown>) => work((await claim())!)
    const fail = (trouble: 'fault' | 'outage') => (mine: Claim) =>
      db.system((tx) => failChunk(tx, mine, { trouble, pauseSeconds: () => 0 }))
    expect([await again(fail('outage')), await again(fail('outage')), await again(fail('fault'))]).toEqual([1, 2, 1])
    await again(letLeaseRunOut)
    expect(await db.system((tx) => takeBackChunks(tx, 'expired'))).toMatchObject([{ deaths: 1 }])
    expect((await claim())?.deaths).toBe(1)
  })

  it('takes a worker that comes back for none that died, whether its chunk was taken back or not', async () => {
    await submit('a', 'x', 1)
    const counts = () =>
      db.system((tx) =>
        tx.selectFrom('batch_chunks').select(['deaths', 'outages', 'failures', 'status']).executeTakeFirstOrThrow(),
      )
    const survived = (mine: Claim) => db.system((tx) => survive(tx, mine))
    const first = (await claim())!
    await survived(first)
    expect(await counts()).toEqual({ deaths: 0, outages: 1, failures: 0, status: 'waiting' })
    const second = (await claim())!
    await letLeaseRunOut(second)
    await db.system((tx) => takeBackChunks(tx, 'expired'))
    const third = (await claim())!
    await survived(second)
    expect(await counts()).toEqual({ deaths: 0, outages: 2, failures: 0, status: 'running' })
    expect(await db.system((tx) => completeChunk(tx, third, RESULT))).toBeDefined()
    await survived(second)
    expect(await counts()).toMatchObject({ outages: 2, status: 'done' })
  })

  it.each([1, 2, 3])('loses and doubles nothing, whatever happens when (seed %i)', async (seed) => {
    const random = seededRandom(seed)
    const chunks = 12
    for (const tenant of ['a', 'b', 'c']) await submit(tenant, `job-${tenant}`, chunks)
    const world: World = { held: [], zombies: [], done: new Set() }
    const step = async () => {
      const action = ACTIONS[random.integer(ACTIONS.length)]!
      await action({ world, random, db, claim, letLeaseRunOut })
      await check(db, world)
    }
    for (let i = 0; i < 120; i++) await step()
    for (let i = 0; world.done.size < 3 * chunks && i < 1000; i++) {
      await db.system((tx) => takeBackChunks(tx, 'all'))
      world.held = []
      const found = await claim()
      if (found && (await db.system((tx) => completeChunk(tx, found, RESULT)))) world.done.add(key(found))
    }
    await check(db, world)
    expect(world.done.size).toBe(3 * chunks)
  })
})

async function submitIn(tx: Tx, tenant_id: string, id: string, chunks: number): Promise<void> {
  const job = {
    id,
    tenant_id,
    folder: id,
    model_id: 'm',
    version: '1.0.0',
    digest: '',
    output_format: 'jsonl' as const,
  }
  const counts = { input_count: chunks, chunk_count: chunks, status: 'running' as const }
  await tx
    .insertInto('batch_jobs')
    .values({ ...job, ...counts, sources: json([]), request: json({}) })
    .execute()
  const place = { tenant_id, job_id: id, source: 0, start_byte: 0, end_byte: 1, rows: 1 }
  const rows = Array.from({ length: chunks }, (_, index) => ({ ...place, index, first_row: index }))
  await tx.insertInto('batch_chunks').values(rows).execute()
  await sql`insert into batch_turns values (${tenant_id}) on conflict do nothing`.execute(tx)
}

interface World {
  held: Claim[]
  /** Workers that lost their claim and do not know it. */
  zombies: Claim[]
  readonly done: Set<string>
}

interface Stage {
  readonly world: World
  readonly random: Random
  readonly db: Database
  readonly claim: () => Promise<Claim | undefined>
  readonly letLeaseRunOut: (claim: Claim) => Promise<unknown>
}

const key = ({ tenantId, jobId, index }: Claim) => `${tenantId}/${jobId}/${index}`

function take(list: Claim[], random: Random): Claim | undefined {
  return list.length === 0 ? undefined : list.splice(random.integer(list.length), 1)[0]
}

/** As a worker does that goes on. */
function completeAndClaim(db: Database, mine: Claim) {
  return db.system((tx) => {
    endWithNext(tx, TO_COMPLETE + 1)
    return Promise.all([completeChunk(tx, mine, RESULT), claimChunk(tx, LEASE)])
  })
}

const ACTIONS: readonly ((stage: Stage) => Promise<void>)[] = [
  async ({ world, claim }) => {
    const found = await claim()
    if (found) world.held.push(found)
  },
  async ({ world, random, db }) => {
    const mine = take(world.held, random)
    if (!mine) return
    expect(await db.system((tx) => completeChunk(tx, mine, RESULT))).toBeDefined()
    world.done.add(key(mine))
  },
  async ({ world, random, db }) => {
    const mine = take(world.held, random)
    if (!mine) return
    const [counted, next] = await completeAndClaim(db, mine)
    expect(counted).toBeDefined()
    world.done.add(key(mine))
    if (next) world.held.push(next)
  },
  async ({ world, random, db }) => {
    const zombie = take(world.zombies, random)
    if (!zombie) return
    const [counted, next] = await completeAndClaim(db, zombie)
    expect(counted).toBeUndefined()
    if (next) world.held.push(next)
  },
  async ({ world, random, db, letLeaseRunOut }) => {
    const dead = take(world.held, random)
    if (!dead) return
    await letLeaseRunOut(dead)
    expect(await db.system((tx) => takeBackChunks(tx, 'expired'))).toHaveLength(1)
    world.zombies.push(dead)
  },
  async ({ world, random, db }) => {
    const zombie = take(world.zombies, random)
    if (zombie) expect(await db.system((tx) => completeChunk(tx, zombie, RESULT))).toBeUndefined()
  },
  async ({ world, random, db }) => {
    const mine = take(world.held, random)
    if (mine) expect(await db.system((tx) => failChunk(tx, mine, AT_ONCE))).toBeGreaterThan(0)
  },
  async ({ world, random, db }) => {
    const mine = take(world.held, random)
    if (mine) await db.system((tx) => releaseChunk(tx, mine))
  },
]

async function check(db: Database, { held, done }: World): Promise<void> {
  const rows = await db.system((tx) => tx.selectFrom('batch_chunks').selectAll().execute())
  const name = (row: (typeof rows)[number]) => `${row.tenant_id}/${row.job_id}/${row.index}`
  expect(new Set(rows.filter(({ status }) => status === 'done').map(name))).toEqual(done)
  const jobs = await db.system((tx) => tx.selectFrom('batch_jobs').selectAll().execute())
  for (const { tenant_id, id, done_count, processed_count } of jobs) {
    const ended = [...done].filter((one) => one.startsWith(`${tenant_id}/${id}/`)).length
    expect([done_count, processed_count]).toEqual([ended, ended])
  }
  const running = new Map(rows.filter(({ status }) => status === 'running').map((row) => [name(row), row.attempt]))
  expect(running).toEqual(new Map(held.map((claim) => [key(claim), claim.attempt])))
}
