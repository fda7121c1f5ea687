// A table of 100 MB and one of 400 MB through the whole service (embedded database, folder), each by a process of its own: time from the first
// byte to the answer with profile and check, and the most memory it ever had, its start included. Beside it, in turns, DuckDB's own
// reading and SUMMARIZE of the same file. Argument: rounds. Linux.
import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { openAsBlob, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DuckDBInstance } from '@duckdb/node-api'
import { createClient } from '../../src/client.ts'
import { writeMixedTable } from '../mixed-table.ts'
import { spread, writeResult } from '../result.ts'
import { asInImage, told } from './child.ts'

if (process.argv[2] === 'floor') await floor(process.argv[3]!)
else await main(Number(process.argv[2] ?? 5))

async function floor(path: string): Promise<void> {
  const started = performance.now()
  const database = await DuckDBInstance.create(':memory:')
  const connection = await database.connect()
  await connection.runAndReadAll(`SUMMARIZE SELECT * FROM read_csv('${path}')`)
  process.send!({ seconds: (performance.now() - started) / 1000, peakMb: peakMb(process.pid) } satisfies Cost)
}

interface Cost {
  readonly seconds: number
  readonly peakMb: number
}

/** The most resident memory a process has had, in MB of 10^6 bytes. */
function peakMb(pid: number): number {
  return (Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024) / 1e6
}

function hasChildren({ pid }: ChildProcess): boolean {
  return readdirSync(`/proc/${pid}/task`).some(
    (thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').trim() !== '',
  )
}

async function upload(path: string): Promise<Cost> {
  const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-upload-'))
  const { execArgv, env } = asInImage()
  const service = spawn(process.execPath, [...execArgv, join(import.meta.dirname, '../../src/main.ts'), 'serve'], {
    env: { ...env, DATA_DIR: dataDir, SERVICE_PORT: '0', LOG_LEVEL: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  let baseUrl: string | undefined
  for await (const chunk of service.stdout) {
    text += chunk
    baseUrl = /listens on (http:\/\/\S+)/.exec(text)?.[1]
    if (baseUrl !== undefined) break
  }
  const client = createClient({ baseUrl: baseUrl!, timeoutMs: 600_000 })
  await client.models.list()
  await sleep(2000)
  const file = await openAsBlob(path)
  const started = performance.now()
  const asked = client.datasets.create({ file, filename: 'table.csv', target: 'target' })
  while ((await Promise.race([asked, sleep(100)])) === undefined) {
    if (hasChildren(service)) throw new Error('the memory of a child process is not counted here')
  }
  const cost = { seconds: (performance.now() - started) / 1000, peakMb: peakMb(service.pid!) }
  service.kill()
  await once(service, 'exit')
  await rm(dataDir, { recursive: true })
  return cost
}

async function summarize(path: string): Promise<Cost> {
  const child = fork(import.meta.filename, ['floor', path])
  const cost = await told<Cost>(child)
  child.kill()
  return cost
}

async function main(rounds: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-tables-'))
  const sizes = [100, 400]
  const paths = sizes.map((size) => join(folder, `${size}.csv`))
  for (const [i, path] of paths.entries()) await writeMixedTable(path, sizes[i]! * 1e6)
  const result: Record<string, unknown> = {}
  for (const [i, path] of paths.entries()) {
    const series = { ours: [] as Cost[], floor: [] as Cost[] }
    for (let round = 0; round < (i === 0 ? rounds : Math.min(rounds, 2)); round++) {
      series.floor.push(await summarize(path))
      series.ours.push(await upload(path))
    }
    const of = `${sizes[i]} MB`
    result[`${of}: seconds, upload, profile and check`] = spread(series.ours.map(({ seconds }) => seconds))
    result[`${of}: seconds, DuckDB reads and summarizes`] = spread(series.floor.map(({ seconds }) => seconds))
    result[`${of}: time over that of DuckDB`] = spread(series.ours.map((c, k) => c.seconds / series.floor[k]!.seconds))
    result[`${of}: most resident memory of the service, start included, MB`] = spread(
      series.ours.map((cost) => cost.peakMb),
    )
    result[`${of}: most resident memory of the DuckDB process, MB`] = spread(series.floor.map((cost) => cost.peakMb))
  }
  await rm(folder, { recursive: true })
  await writeResult('load-upload', {
    what: 'a CSV of eleven columns to a fresh service, embedded database and folder; resident memory counts what is shared with others',
    rounds,
    ...result,
  })
}
