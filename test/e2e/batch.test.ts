// Workers on several machines, killed in the middle of their chunks: the results are those of an undisturbed run, byte for
// byte. KILL_SEED repeats a sequence, BATCH_KILLS lengthens it.
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import { resultBytes, untilBatchEnds } from '../helpers/batch.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { servers } from '../servers/servers.ts'
import { makePlace } from './place.ts'
import { type Program, startService, startWorker, until } from './processes.ts'

const { postgres } = await servers('postgres')
const SEED = Number(process.env.KILL_SEED ?? randomInt(1_000_000))
const KILLS = Number(process.env.BATCH_KILLS ?? 3)
const ROWS = 60_000

it.skipIf(!postgres)(`loses and doubles nothing in ${KILLS} kills of its workers`, { timeout: 300_000 }, async () => {
  await using place = await makePlace({ postgres: postgres!.url })
  const shared = { BATCH_CHUNK_ROWS: '2000', BATCH_LEASE_SECONDS: '2' }
  await using service = await startService({ ...place.settings, ...shared, RUN_WORKER: 'false' })
  await anAddingModel(service.client)
  const random = seededRandom(SEED)
  const file = `x\n${Array.from({ length: ROWS }, (_, i) => (i % 9999 === 77 ? 'odd' : random.next().toFixed(4))).join('\n')}\n`
  const submit = (job_id: string) => service.client.batch_jobs.create({ model_id: 'adder', file, job_id })
  const machine = (name: string) => startWorker({ ...place.sibling(name), ...shared, RUN_WORKER: 'true' })
  const workers: Program[] = [await machine('one'), await machine('two')]

  await submit('undisturbed')
  expect(await untilBatchEnds(service.client, 'undisturbed')).toMatchObject({ status: 'succeeded', failed_count: 6 })
  const expected = await resultBytes(service.client, { job_id: 'undisturbed' })

  process.stderr.write(`batch: KILL_SEED=${SEED}\n`)
  for (let kill = 0; kill < KILLS; kill++) {
    const id = `kill-${kill}`
    await submit(id)
    await until(async () => (await service.client.batch_jobs.get({ job_id: id })).status === 'running', { what: id })
    await sleep(random.next() * 600)
    const hit = random.integer(2)
    await workers[hit]!.kill('SIGKILL')
    workers[hit] = await machine(hit === 0 ? 'one' : 'two')
    const job = await untilBatchEnds(service.client, id)
    expect(job).toMatchObject({ status: 'succeeded', processed_count: ROWS, failed_count: 6 })
    expect((await resultBytes(service.client, { job_id: id })).equals(expected)).toBe(true)
  }
  const repeated = await place.database((db) =>
    db.system((tx) => tx.selectFrom('batch_chunks').select(['job_id', 'attempt']).where('attempt', '>', 1).execute()),
  )
  // A kill repeats what its worker had in hand, and that is one chunk.
  expect(repeated.every(({ attempt }) => attempt === 2)).toBe(true)
  expect(repeated.length).toBeLessThanOrEqual(KILLS)
  for (const worker of workers) await worker.kill('SIGTERM')
})
