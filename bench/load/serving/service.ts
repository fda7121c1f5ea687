// The service under load, in a process of its own: makes its models, says where it listens, and stops when told to.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../../../src/app.ts'
import { createClient, type MlClient } from '../../../src/client.ts'
import { loadConfig } from '../../../src/config.ts'
import { silentLog } from '../../../src/core/log.ts'
import { monotonicMs, SEEN } from './generator.ts'
import { LARGE, namedRow, perceptron, SMALL } from './models.ts'

const overrides = JSON.parse(process.argv[2] ?? '{}') as Record<string, never>
const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-serving-'))
const app = await createApp(
  loadConfig({ env: {}, overrides: { dataDir, mlWorkers: 1, runWorker: true, ...overrides } }),
  {
    log: silentLog,
  },
)
await app.begun
// So that the load can tell what it waited for: itself and the way here, or what happened here.
if (process.env.TELL_SEEN) {
  app.http.server.prependListener('request', (_request, reply) => reply.setHeader(SEEN, monotonicMs().toFixed(3)))
}
const url = await app.listen({ port: 0 })
const client = createClient({ baseUrl: url })
await install(client, 'small', perceptron(SMALL))
await install(client, 'large', perceptron(LARGE))
await trainNamed(client)
const { model_id: trained } = await client.versions.get({ model_id: 'named', version: '1.0.0' })
process.send?.({ url, named: join(dataDir, 'artifacts/models', trained, 'versions/1.0.0/model.onnx') })
process.once('disconnect', async () => {
  await app.stop()
  await rm(dataDir, { recursive: true })
  process.exit(0)
})

async function install(client: MlClient, name: string, file: Uint8Array): Promise<void> {
  const { id } = await client.models.create({ name, type: 'regression' })
  const { version } = await client.versions.import({ model_id: id, file, trusted: true })
  await client.models.deploy({ model_id: id, version })
}

async function trainNamed(client: MlClient): Promise<void> {
  const rows = Array.from({ length: 2000 }, (_, i) => ({ ...namedRow(i), target: i % 97 > 48 ? 1 : 0 }))
  const dataset = await client.datasets.create({ name: 'named', rows, target: 'target' })
  const { job_id } = await client.models.train({
    model_name: 'named',
    dataset_id: dataset.id,
    model_type: 'classification',
    algorithm: 'gradient_boosting',
  })
  for await (const { event, data } of client.training_jobs.events({ job_id }))
    if (event === 'failed') throw new Error(JSON.stringify(data))
}
