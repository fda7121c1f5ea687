// Batch jobs submitted without a pause while what surrounds the processes fails: half of the requests to the bucket, the network of a
// worker that lives on, the disk that holds the objects, the clock of a machine. FAULT_SEED repeats a sequence, BATCH_FAULTS lengthens it.
import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Random, seededRandom, shuffle } from '../../src/core/random.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { servers } from '../servers/servers.ts'
import { type FlakyBucket, flakyBucket } from './flaky-bucket.ts'
import { makeHost } from './host.ts'
import { makePlace, type Place } from './place.ts'
import { type Program, type Service, type Settings, startService, startWorker, untilHealthy } from './processes.ts'
import { BATCH_SETTINGS, expectUndisturbed, startSubmitter, undisturbed } from './submitter.ts'
import { layWire, through, type Wire } from './wire.ts'

const { postgres, s3 } = await servers('postgres', 's3')
const SEED = Number(process.env.FAULT_SEED ?? randomInt(1_000_000))
const FAULTS = Number(process.env.BATCH_FAULTS ?? 2)
const HOUR_MS = 3_600_000
const WORKERS = [0, 1]
const CLOCK = pathToFileURL(join(import.meta.dirname, 'jumping-clock.ts')).href

/** What can be cut off: the host of a worker, or else its wires to the database and the bucket. */
type Network = Pick<Wire, 'pull' | 'plugIn'>

/** Everything that can be done to the processes of one test. */
interface World extends AsyncDisposable {
  readonly api: Service
  readonly place: Place
  /** Of each worker. */
  readonly networks: readonly Network[]
  readonly bucket: FlakyBucket | undefined
  /** File of every process that says how wrong its clock is. */
  readonly clocks: readonly string[]
}

async function makeWorld(storage: 'bucket' | 'folder', random: Random): Promise<World> {
  const stack = new AsyncDisposableStack()
  const place = stack.use(await makePlace({ postgres: postgres!.url, ...(storage === 'bucket' && { s3: s3! }) }))
  const objects = place.settings.MODEL_PATH!
  if (storage === 'folder' && mount(objects)) stack.defer(() => void execFileSync('umount', ['-l', objects]))
  const bucket = storage === 'bucket' ? stack.use(await flakyBucket(s3!.endpoint, random)) : undefined
  const clocks: string[] = []
  const settings = (own: Settings): Settings => {
    const clock = join(own.DATA_DIR!, '..', `clock-${clocks.length}`)
    clocks.push(clock)
    return { ...own, ...BATCH_SETTINGS, CLOCK_FILE: clock, NODE_OPTIONS: `--import ${CLOCK}` }
  }
  const networks: Network[] = []
  const startNumbered = async (index: number): Promise<Program> => {
    const { DATABASE_URL: database = '', ...own } = place.sibling(`worker-${index}`)
    const host = makeHost()
    if (host) stack.use(host)
    else process.stderr.write('No network namespace may be made here; a worker is cut off at its sockets instead\n')
    const ends = [database, ...(bucket ? [bucket.endpoint] : [])]
    const wires = await Promise.all(ends.map((url) => wireTo(url, host?.address)))
    for (const wire of wires) stack.use(wire)
    networks[index] = host ?? {
      pull: () => wires.forEach((wire) => void wire.pull()),
      plugIn: () => wires.forEach((wire) => void wire.plugIn()),
    }
    const [near, store] = wires
    const reached = settings({
      ...own,
      DATABASE_URL: through(near!, database),
      ...(bucket && { S3_ENDPOINT: through(store!, bucket.endpoint).replace(/\/$/, '') }),
    })
    return startWorker(reached, host?.command)
  }
  const endpoint = bucket && { S3_ENDPOINT: bucket.endpoint }
  const api = stack.use(await startService(settings({ ...place.settings, ...endpoint, RUN_WORKER: 'false' })))
  await untilHealthy(api)
  await anAddingModel(api.client)
  for (const worker of await Promise.all(WORKERS.map(startNumbered))) stack.use(worker)
  return { api, place, networks, bucket, clocks, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

function wireTo(url: string, near?: string): Promise<Wire> {
  const { hostname, port } = new URL(url)
  return layWire({ host: hostname, port: Number(port) }, near)
}

/** A disk that is soon full. False where we may not mount one. */
function mount(path: string): boolean {
  try {
    mkdirSync(path, { recursive: true })
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=32m', 'none', path], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

type Strike = (world: World, random: Random) => Promise<void>

const network: Strike = async ({ networks }, random) => {
  const cable = networks[random.integer(networks.length)]!
  cable.pull()
  await sleep(2500 + random.next() * 1500)
  cable.plugIn()
}

const STRIKES: Readonly<Record<'bucket' | 'folder', Readonly<Record<string, Strike>>>> = {
  bucket: {
    network,
    'half of the requests': async ({ bucket }, random) => {
      const before = bucket!.failures()
      bucket!.fail(0.5)
      await sleep(2000 + random.next() * 2000)
      bucket!.fail(0)
      expect(bucket!.failures()).toBeGreaterThan(before)
    },
  },
  folder: {
    'a clock that jumps': async ({ clocks }, random) => {
      for (const clock of clocks) writeFileSync(clock, String(Math.round((random.next() - 0.5) * 48 * HOUR_MS)))
      await sleep(1000 + random.next() * 1000)
    },
    'a full disk': async ({ place }, random) => {
      const filler = join(place.settings.MODEL_PATH!, '.filler')
      expect(() => {
        for (let i = 0; i < 64; i++) appendFileSync(filler, Buffer.alloc(1024 * 1024))
      }).toThrow('ENOSPC')
      await sleep(1000 + random.next() * 1500)
      rmSync(filler)
    },
  },
}

describe.each(['bucket', 'folder'] as const)('batch jobs over a %s while its surroundings fail', (storage) => {
  const isThere = postgres && (storage === 'folder' || s3)
  const random = seededRandom(SEED)
  const canFill = storage === 'bucket' || canMount()
  const strikes = Object.entries(STRIKES[storage]).filter(([name]) => canFill || name !== 'a full disk')
  let world: World | undefined
  if (!canFill) process.stderr.write('Skipped: a full disk, because no file system may be mounted here\n')
  beforeAll(async () => {
    if (isThere) world = await makeWorld(storage, random)
  }, 180_000)
  afterAll(() => world?.[Symbol.asyncDispose]())

  const timeout = 180_000 + FAULTS * 60_000
  it.skipIf(!isThere)(`lose and double nothing in ${FAULTS} faults`, { timeout }, async () => {
    process.stderr.write(`batch surroundings: FAULT_SEED=${SEED}\n`)
    const { api, place } = world!
    const expected = await undisturbed(api)
    const submitter = startSubmitter(() => api)
    for (const strike of inTurn(strikes, random)) {
      await sleep(300 + random.next() * 700)
      await strike(world!, random)
    }
    const ids = await expectUndisturbed(api, await submitter.stop(), expected)
    const completed = await place.database((db) =>
      db.system(
        async (tx) =>
          (
            await sql<{ subject: string }>`select event ->> 'subject' as subject from outbox
        where event ->> 'type' = 'ml.batch.completed'`.execute(tx)
          ).rows,
      ),
    )
    // Announced once each, so they have ended once each.
    expect(completed.map(({ subject }) => subject).sort()).toEqual([...ids].sort())
  })
})

/** Every kind once before any comes twice. */
function inTurn(strikes: readonly (readonly [string, Strike])[], random: Random): Strike[] {
  const found: Strike[] = []
  while (found.length < FAULTS) found.push(...shuffle([...strikes], random).map(([, strike]) => strike))
  return found.slice(0, FAULTS)
}

function canMount(): boolean {
  const probe = join(import.meta.dirname, `../../.mount-probe-${process.pid}`)
  const can = mount(probe)
  if (can) execFileSync('umount', [probe])
  rmSync(probe, { recursive: true, force: true })
  return can
}
