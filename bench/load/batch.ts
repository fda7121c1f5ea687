// A batch job from CSV to JSON lines, beside the barest script that does the same: DuckDB reads, `session.run` predicts, lines
// are written. One inference thread each, interleaved; the service is a process of its own. Also: its memory, and the time of
// twice the rows. Arguments: rows, rounds.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, openAsBlob, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { createClient } from '../../src/client.ts'
import { seededRandom } from '../../src/core/random.ts'
import { openSession } from '../../src/runtime/in-process.ts'
import type { Tensor } from '../../src/runtime/index.ts'
import { spread, writeResult } from '../result.ts'
import { asInImage } from './child.ts'

const ROWS = Number(process.argv[2] ?? 200_000)
const ROUNDS = Number(process.argv[3] ?? 3)
const COLUMNS = 30
const NAMES = Array.from({ length: COLUMNS }, (_, c) => `c${c}`)

async function writeTable(path: string, rows: number, seed: number, target: boolean): Promise<void> {
  const random = seededRandom(seed)
  const out = createWriteStream(path)
  out.write(`${[...NAMES, ...(target ? ['target'] : [])].join(',')}\n`)
  let text = ''
  for (let row = 0; row < rows; row++) {
    const values = NAMES.map(() => random.normal())
    const score = values[0]! * 2 - values[1]! + values[2]! * values[3]!
    text += `${values.map((value) => value.toFixed(4)).join(',')}${target ? `,${score > 0 ? 1 : 0}` : ''}\n`
    if (text.length < 1 << 20) continue
    if (!out.write(text)) await new Promise<void>((resolve) => out.once('drain', () => resolve()))
    text = ''
  }
  await new Promise<void>((resolve) => out.end(text, () => resolve()))
}

const folder = await mkdtemp(join(tmpdir(), 'modelyard-batch-'))
const [small, large, twice] = ['train.csv', 'rows.csv', 'twice.csv'].map((name) => join(folder, name))
await writeTable(small!, 5000, 1, true)
await writeTable(large!, ROWS, 2, false)
await writeFile(twice!, [await readFile(large!), (await readFile(large!)).subarray(NAMES.join(',').length + 1)])
const { execArgv, env } = asInImage()
const service = spawn(process.execPath, [...execArgv, join(import.meta.dirname, '../../src/main.ts'), 'serve'], {
  env: {
    ...env,
    DATA_DIR: join(folder, 'data'),
    SERVICE_PORT: '0',
    ML_WORKERS: '1',
    LOG_LEVEL: 'error',
  },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const baseUrl = await new Promise<string>((resolve, reject) => {
  let text = ''
  service.once('exit', (code) => reject(new Error(`the service ended with ${code}`)))
  service.stdout.on('data', (chunk) => {
    text += chunk
    const url = /listens on (http:\/\/\S+)/.exec(text)?.[1]
    if (url) resolve(url)
  })
})
const client = createClient({ baseUrl, timeoutMs: 600_000 })

/** Seconds of processor time that the service has used so far; 0 where the system does not say. */
function processorTime(): number {
  try {
    const stat = readFileSync(`/proc/${service.pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return 0
  }
}

/** Largest resident memory of the service since `forgetMemory`, in MB. */
function largestMemory(): number {
  const status = readFileSync(`/proc/${service.pid}/status`, 'utf8')
  return Math.round((Number(/VmHWM:\s+(\d+)/.exec(status)?.[1]) * 1024) / 1e6)
}

/** The start of the embedded database takes more than any job does. */
function forgetMemory(): void {
  writeFileSync(`/proc/${service.pid}/clear_refs`, '5')
}

const dataset = await client.datasets.create({
  file: await openAsBlob(small!),
  filename: 'train.csv',
  target: 'target',
})
const trained = await client.models.train({
  model_name: 'trees',
  dataset_id: dataset.id,
  model_type: 'classification',
  algorithm: process.argv[4] ?? 'gradient_boosting',
  ...(process.argv[4] === undefined && { hyperparameters: { n_estimators: 200 } }),
})
for await (const { event, data } of client.training_jobs.events({ job_id: trained.job_id }))
  if (event === 'failed') throw new Error(JSON.stringify(data))
const { model_id, version } = trained
const model = await readFile(join(folder, 'data/artifacts/models', model_id, 'versions', version, 'model.onnx'))
process.stderr.write(`${ROWS} rows, model of ${model.length} bytes\n`)

interface Cost {
  readonly seconds: number
  readonly processor: number
}

async function job(path: string): Promise<Cost> {
  const started = performance.now()
  const used = processorTime()
  const { id } = await client.batch_jobs.create({
    model_id: 'trees',
    file: await openAsBlob(path),
    filename: 'rows.csv',
  })
  for (;;) {
    const { status, finished_at, error } = await client.batch_jobs.get({ job_id: id })
    if (finished_at === null) await new Promise((resolve) => setTimeout(resolve, 50))
    else if (status === 'succeeded') break
    else throw new Error(error)
  }
  const cost = { seconds: (performance.now() - started) / 1000, processor: processorTime() - used }
  await client.batch_jobs.delete({ job_id: id })
  return cost
}

const session = await openSession(model)
async function bare(path: string): Promise<Cost> {
  const started = performance.now()
  const before = process.cpuUsage()
  const database = await DuckDBInstance.create(':memory:', { threads: '2' })
  const connection = await database.connect()
  const types = NAMES.map((name) => `'${name}': 'DOUBLE'`).join(', ')
  const result = await connection.stream(`SELECT * FROM read_csv('${path}', header = true, columns = {${types}})`)
  const out = createWriteStream(join(folder, 'bare.jsonl'))
  let row = 0
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) break
    const rows = chunk.rowCount
    const feeds: Record<string, Tensor> = {}
    for (const [k, name] of NAMES.entries()) {
      const vector = chunk.getColumnVector(k)
      const data = new Float64Array(rows)
      for (let i = 0; i < rows; i++) data[i] = vector.getItem(i) as number
      feeds[name] = { type: 'float64', dims: [rows, 1], data }
    }
    const { outputs } = await session.run(feeds)
    const [label, scores] = Object.values(outputs)
    const width = scores!.data.length / rows
    let text = ''
    for (let i = 0; i < rows; i++, row++) {
      const probabilities: Record<string, number> = {}
      for (let k = 0; k < width; k++) probabilities[k] = Number(scores!.data[i * width + k])
      const prediction = Number(label!.data[i])
      text += `${JSON.stringify({ row, prediction, confidence: probabilities[prediction], probabilities })}\n`
    }
    if (!out.write(text)) await new Promise<void>((resolve) => out.once('drain', () => resolve()))
  }
  await new Promise<void>((resolve) => out.end(() => resolve()))
  connection.closeSync()
  database.closeSync()
  const { user, system } = process.cpuUsage(before)
  return { seconds: (performance.now() - started) / 1000, processor: (user + system) / 1e6 }
}

await job(large!)
await bare(large!)
forgetMemory()
const series = { job: [] as Cost[], bare: [] as Cost[], twice: [] as Cost[] }
for (let round = 0; round < ROUNDS; round++) {
  series.bare.push(await bare(large!))
  series.job.push(await job(large!))
  series.twice.push(await job(twice!))
}
const ratio = (of: keyof Cost, a: readonly Cost[], b: readonly Cost[]) =>
  spread(a.map((cost, i) => cost[of] / b[i]![of]))
await writeResult('load-batch', {
  what: `${ROWS} rows of ${COLUMNS} columns, CSV to JSON lines; upload included, one inference thread`,
  rounds: ROUNDS,
  'batch job, seconds': spread(series.job.map(({ seconds }) => seconds)),
  'bare script, seconds': spread(series.bare.map(({ seconds }) => seconds)),
  'rows a second, batch job over bare script': ratio('seconds', series.bare, series.job),
  'rows a second of processor time, batch job over bare script': ratio('processor', series.bare, series.job),
  'twice the rows, time over time': ratio('seconds', series.twice, series.job),
  'twice the rows, processor time over processor time': ratio('processor', series.twice, series.job),
  'largest resident memory of the service with its database, MB': largestMemory(),
})
service.removeAllListeners('exit')
service.kill()
await once(service, 'exit')
await rm(folder, { recursive: true, force: true })
process.exit(0)
