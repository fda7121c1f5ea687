// The parts of a deployment as deploy/ starts them: the migration alone, an API that works on nothing, and a worker that listens for
// nothing but its metrics. The API says that a worker is needed while there is none.
import { once } from 'node:events'
import { createServer } from 'node:net'
import { expect, it } from 'vitest'
import { untilBatchEnds } from '../helpers/batch.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { servers } from '../servers/servers.ts'
import { makePlace } from './place.ts'
import { type Settings, startProgram, startService, startWorker, until } from './processes.ts'

const { postgres } = await servers('postgres')

async function aFreePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return String(port)
}

async function waitingChunks(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text()
  return Number(/^ml_queue_depth\{queue="batch"\} (\d+)$/m.exec(text)?.[1] ?? Number.NaN)
}

it.skipIf(!postgres)('migrates, waits and works in three kinds of processes', { timeout: 120_000 }, async () => {
  await using place = await makePlace({ postgres: postgres!.url })
  for (const what of ['a new database', 'the same again']) {
    const migration = startProgram(['migrate'], place.settings)
    expect({ what, ...(await migration.exited) }).toEqual({ what, code: 0, signal: null })
    expect(migration.output()).toMatch(/^The schema of postgres:.* is up to date$/m)
    expect(migration.output()).not.toContain('@')
  }
  await using api = await startService({ ...place.settings, RUN_WORKER: 'false' })
  await anAddingModel(api.client)
  const { id } = await api.client.batch_jobs.create({ model_id: 'adder', input_batch: [[1], [2]] })
  await until(async () => (await waitingChunks(api.url)) === 1, { what: 'the API to count what waits' })
  const port = await aFreePort()
  const settings: Settings = { ...place.sibling('worker'), PROMETHEUS_PORT: port }
  await using worker = await startWorker(settings)
  expect(await untilBatchEnds(api.client, id)).toMatchObject({ status: 'succeeded' })
  for (const url of [api.url, `http://127.0.0.1:${port}`]) {
    await until(async () => (await waitingChunks(url)) === 0, { what: `no chunk waiting, by ${url}` })
  }
  expect(await worker.kill('SIGTERM')).toEqual({ code: 0, signal: null })
})
