// How long from `serve` to the first answered prediction: on a folder that already has a live model, and on an empty one
// (where the first thing to answer is a model written in TypeScript, and then a training from nothing). The floor, in the
// same run, is a bare node:http process from its start to its first answer.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from '../../src/client.ts'
import { spread, writeResult } from '../result.ts'

const ROUNDS = Number(process.argv[2] ?? 7)
const ROOT = join(import.meta.dirname, '../..')
const ROWS = Array.from({ length: 200 }, (_, i) => ({ a: i % 17, b: (i * 7) % 23, target: i % 17 > 8 ? 1 : 0 }))
const ROW = { a: 3, b: 4 }

interface Running {
  readonly url: string
  readonly pid: number
  readonly startedMs: number
  stop(): Promise<void>
}

async function serve(dataDir: string): Promise<Running> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [join(ROOT, 'dist/main.js'), 'serve'], {
    env: { ...process.env, DATA_DIR: dataDir, SERVICE_PORT: '0', LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return { url: await announced(child), pid: child.pid!, startedMs, stop: () => stop(child) }
}

function announced(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}`)))
    child.stdout!.on('data', (chunk) => {
      text += chunk
      const url = /listens on (http:\/\/\S+)/.exec(text)?.[1]
      if (url) resolve(url)
    })
  })
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners('exit')
    child.once('exit', () => resolve())
    child.kill('SIGTERM')
  })
}

/** Asks every 2 ms until `ask` succeeds. @returns milliseconds since the process was started. */
async function until(running: Pick<Running, 'startedMs'>, ask: () => Promise<unknown>): Promise<number> {
  for (;;) {
    try {
      await ask()
      return performance.now() - running.startedMs
    } catch {
      await sleep(2)
    }
  }
}

/** The most memory a process has had so far, in MB. Linux. */
async function peakMb(pid: number): Promise<number> {
  return Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}

async function train(url: string, algorithm?: 'logistic_regression'): Promise<void> {
  const client = createClient({ baseUrl: url, retries: 0 })
  const dataset = await client.datasets.create({ name: 'start', rows: ROWS, target: 'target' })
  const { job_id } = await client.models.train({
    model_name: 'start',
    dataset_id: dataset.id,
    model_type: 'classification',
    ...(algorithm && { algorithm }),
  })
  for await (const { event } of client.training_jobs.events({ job_id }))
    if (event === 'failed') throw new Error('failed')
}

const predict = (url: string) =>
  createClient({ baseUrl: url, retries: 0 }).predict_model({ model_id: 'start', input_data: ROW })

async function warm(dataDir: string): Promise<{ readonly ms: number; readonly mb: number }> {
  const running = await serve(dataDir)
  const ms = await until(running, () => predict(running.url))
  await sleep(3000) // what it does behind the first answer counts as well
  const mb = await peakMb(running.pid)
  await running.stop()
  return { ms, mb }
}

async function empty(
  algorithm?: 'logistic_regression',
): Promise<{ readonly registry: number; readonly trained: number }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-start-'))
  const running = await serve(dataDir)
  const registry = await until(running, () => createClient({ baseUrl: running.url, retries: 0 }).models.list())
  await until(running, () => train(running.url, algorithm))
  const trained = await until(running, () => predict(running.url))
  await running.stop()
  await rm(dataDir, { recursive: true })
  return { registry, trained }
}

async function floor(): Promise<number> {
  const startedMs = performance.now()
  const source = `require('node:http').createServer((_, r) => r.end('{}')).listen(0, function () { console.log('listens on http://127.0.0.1:' + this.address().port) })`
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  const url = await announced(child)
  const ms = await until({ startedMs }, () => fetch(url))
  child.removeAllListeners('exit')
  child.kill('SIGKILL')
  return ms
}

const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-start-'))
const first = await serve(dataDir)
await until(first, () => createClient({ baseUrl: first.url, retries: 0 }).models.list())
await train(first.url)
await first.stop()

const series: Record<string, number[]> = {
  floor: [],
  warm: [],
  peak: [],
  emptyRegistry: [],
  emptyLogistic: [],
  emptyTrained: [],
}
for (let round = 0; round < ROUNDS; round++) {
  series.floor!.push(await floor())
  const { ms, mb } = await warm(dataDir)
  series.warm!.push(ms)
  series.peak!.push(mb)
  series.emptyLogistic!.push((await empty('logistic_regression')).trained)
  const { registry, trained } = await empty()
  series.emptyRegistry!.push(registry)
  series.emptyTrained!.push(trained)
  process.stderr.write(`round ${round + 1} of ${ROUNDS}\n`)
}
await rm(dataDir, { recursive: true })
await writeResult('load-start', {
  what: 'milliseconds from the start of the process; floor: bare node:http to its first answer',
  rounds: ROUNDS,
  floor: spread(series.floor!),
  'live model, to the first prediction': spread(series.warm!),
  'empty folder, to the first answer of the registry': spread(series.emptyRegistry!),
  'empty folder, upload and training of a logistic regression included, to the first prediction': spread(
    series.emptyLogistic!,
  ),
  'empty folder, upload and training by the automatic choice included, to the first prediction': spread(
    series.emptyTrained!,
  ),
  'most memory of the process until three seconds after the first prediction, MB': spread(series.peak!),
})
