// What one prediction costs over the bare `session.run` of the same graph on the same row: over HTTP on one kept-alive
// connection, with everything on. Interleaved in one run: bare run, bare node:http echo (the cost of HTTP itself), service.
// The client writes and reads bytes, so that its own work is hardly in the figures. Every call asks for a row of its own:
// the answer to a row asked twice may come from the cache, which is not what is measured here.
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../../src/app.ts'
import { createClient } from '../../src/client.ts'
import { loadConfig } from '../../src/config.ts'
import { silentLog } from '../../src/core/log.ts'
import { openSession } from '../../src/runtime/in-process.ts'
import type { Tensor } from '../../src/runtime/index.ts'
import { spread, writeResult } from '../result.ts'
import { bytesOf, Connection } from './serving/generator.ts'

const ROUNDS = Number(process.argv[2] ?? 9)
const CALLS = 1500
const COLUMNS = 14
const LETTERS = ['north', 'east', 'south', 'west']

/** Half numbers, half words, as the Adult table has; `c0` makes each row different from every other. */
function row(i: number): Record<string, number | string> {
  const columns: Record<string, number | string> = {}
  for (let c = 0; c < COLUMNS; c++) columns[`c${c}`] = c % 2 === 0 ? ((i * (c + 3)) % 97) / 7 : LETTERS[(i + c) % 4]!
  columns.c0 = (i % 97) / 7 + i * 1e-6
  return columns
}

/** What is asked for a row: made before the clock runs. */
interface Caller<Question> {
  readonly make: (row: Record<string, number | string>) => Question
  readonly ask: (question: Question) => Promise<unknown>
}

function caller(url: string, path: string): Caller<Buffer> {
  let connection: Connection | undefined
  return {
    make: (input_data) => bytesOf({ url, path, body: JSON.stringify({ input_data }) }),
    async ask(request) {
      const open = connection && !connection.closed ? connection : await Connection.open(url)
      connection = open
      await new Promise<void>((resolve, reject) => {
        open.send(request, ({ status }) => (status === 200 ? resolve() : reject(new Error(`answered ${status}`))))
      })
    },
  }
}

function tensors(columns: Record<string, number | string>): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = {}
  for (const [name, value] of Object.entries(columns)) {
    feeds[name] =
      typeof value === 'string'
        ? { type: 'string', dims: [1, 1], data: [value] }
        : { type: 'float64', dims: [1, 1], data: Float64Array.of(value) }
  }
  return feeds
}

let asked = 0
/** Median time of a call, in milliseconds, over rows that nobody asked for before. */
async function median<Question>({ make, ask }: Caller<Question>): Promise<number> {
  const questions = Array.from({ length: CALLS }, () => make(row(asked++)))
  const times = new Float64Array(CALLS)
  for (const [i, question] of questions.entries()) {
    const started = performance.now()
    await ask(question)
    times[i] = performance.now() - started
  }
  return times.sort()[CALLS >> 1]!
}

const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-overhead-'))
const app = await createApp(loadConfig({ env: {}, overrides: { dataDir, mlWorkers: 1 } }), { log: silentLog })
await app.begun
const url = await app.listen({ port: 0 })
const client = createClient({ baseUrl: url })
const rows = Array.from({ length: 2000 }, (_, i) => ({ ...row(i), target: i % 97 > 48 ? 1 : 0 }))
const dataset = await client.datasets.create({ name: 'overhead', rows, target: 'target' })
const { job_id, model_id, version } = await client.models.train({
  model_name: 'overhead',
  dataset_id: dataset.id,
  model_type: 'classification',
  algorithm: 'gradient_boosting',
  hyperparameters: { n_estimators: 100 },
})
for await (const { event, data } of client.training_jobs.events({ job_id }))
  if (event === 'failed') throw new Error(JSON.stringify(data))

const bytes = await readFile(join(dataDir, 'artifacts/models', model_id, 'versions', version, 'model.onnx'))
process.stderr.write(`model ${createHash('sha256').update(bytes).digest('hex').slice(0, 12)}, ${bytes.length} bytes\n`)
const session = await openSession(bytes)
const echo = createServer((incoming, reply) => {
  incoming.resume()
  incoming.once('end', () => reply.end('{"prediction":1,"probability":0.5}'))
}).listen(0)
const echoUrl = `http://127.0.0.1:${(echo.address() as AddressInfo).port}`
const bare: Caller<Record<string, Tensor>> = { make: tensors, ask: (feeds) => session.run(feeds) }
const viaHttp = caller(echoUrl, '/')
const predict = caller(url, '/predict/overhead')
const full = caller(url, '/api/v1/ml/models/overhead/predict')
await median(bare)
for (const warmUp of [viaHttp, predict, full]) await median(warmUp)

const series = { bare: [] as number[], echo: [] as number[], predict: [] as number[], full: [] as number[] }
for (let round = 0; round < ROUNDS; round++) {
  series.bare.push(await median(bare))
  series.echo.push(await median(viaHttp))
  series.predict.push(await median(predict))
  series.full.push(await median(full))
}
const over = (a: number[], b: number[]) => a.map((value, i) => value - b[i]!)
await writeResult('load-predict-overhead', {
  what: `p50 milliseconds of ${CALLS} calls a round, one connection, raw-socket client in the same process as the service`,
  rounds: ROUNDS,
  'bare session.run': spread(series.bare),
  'bare node:http echo': spread(series.echo),
  'POST /predict/{model_id}': spread(series.predict),
  'POST /models/{model_id}/predict (logged)': spread(series.full),
  '/predict/{model_id} over session.run': spread(over(series.predict, series.bare)),
  '/models/{model_id}/predict over session.run': spread(over(series.full, series.bare)),
  '/predict/{model_id} over session.run and HTTP echo': spread(over(over(series.predict, series.bare), series.echo)),
})
echo.close()
await app.stop()
await rm(dataDir, { recursive: true })
process.exit(0)
