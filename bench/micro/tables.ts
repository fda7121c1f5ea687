// What reading an upload costs: inspect (profile, contract and check), validate and load, beside the floor, DuckDB's own
// SUMMARIZE of the same file. Every run is a process of its own (so that its peak memory is its own); rounds are interleaved
// and each ratio is to the floor of its round. Run: node bench/micro/tables.ts [rounds] [file …]
import { fork } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { DuckDBInstance } from '@duckdb/node-api'
import { openTables } from '../../src/tables/index.ts'
import { writeMixedTable } from '../mixed-table.ts'

const CASES = ['floor', 'inspect', 'validate', 'load'] as const
type Case = (typeof CASES)[number]
interface Figures {
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakMb: number
  /** Longest time the event loop did not turn. */
  readonly lagMs: number
}

const BYTES = 100e6
const RETAIL = new URL('../../../shared/data/large/online-retail/online-retail.csv.gz', import.meta.url).pathname

if (process.argv[2] === 'run') await run(process.argv[3] as Case, process.argv[4]!)
else await main(Number(process.argv[2] ?? 5), process.argv.slice(3))

async function run(which: Case, path: string): Promise<void> {
  const tempDir = mkdtempSync(join(tmpdir(), 'tables-run-'))
  const tables = openTables({ tempDir })
  // Preparation is not part of validate and load, so their processes take the reading from a first inspection.
  const known = which === 'validate' || which === 'load' ? await tables.inspect(path) : undefined
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  if (which === 'floor') await summarize(path)
  else if (which === 'inspect') await tables.inspect(path)
  else if (which === 'validate') await tables.validate({ path, reading: known!.reading }, known!.contract)
  else await tables.load({ path, reading: known!.reading }, known!.contract.columns)
  const wallMs = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  delay.disable()
  await tables.close()
  rmSync(tempDir, { recursive: true })
  const peakMb = process.resourceUsage().maxRSS / 1024
  process.send!({ wallMs, cpuMs: (user + system) / 1000, peakMb, lagMs: delay.max / 1e6 } satisfies Figures)
}

async function summarize(path: string): Promise<void> {
  const database = await DuckDBInstance.create(':memory:')
  const connection = await database.connect()
  await connection.runAndReadAll(`SUMMARIZE SELECT * FROM read_csv('${path}')`)
  connection.closeSync()
  database.closeSync()
}

async function main(rounds: number, files: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tables-bench-'))
  try {
    const chosen =
      files.length > 0 ? files : [await writeMixedTable(join(folder, 'generated-100mb.csv'), BYTES), RETAIL]
    for (const path of chosen) {
      if (existsSync(path)) await measureFile(path, rounds)
      else console.log(`skipped: ${path} is not here`)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measureFile(path: string, rounds: number): Promise<void> {
  const figures = new Map<Case, Figures[]>(CASES.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const name of CASES) figures.get(name)!.push(await inProcess(name, path))
  }
  const floor = figures.get('floor')!
  console.log(`\n${path.split('/').at(-1)}: ${rounds} rounds, median (smallest … largest)`)
  console.table(
    Object.fromEntries(
      CASES.map((name) => {
        const all = figures.get(name)!
        const ratio = (of: 'wallMs' | 'cpuMs') => spread(all.map((one, i) => one[of] / floor[i]![of]))
        return [
          name,
          {
            'wall ms': spread(all.map(({ wallMs }) => wallMs)),
            'wall ÷ floor': ratio('wallMs'),
            'cpu ÷ floor': ratio('cpuMs'),
            'peak MB': spread(all.map(({ peakMb }) => peakMb)),
            'loop lag ms': spread(all.map(({ lagMs }) => lagMs)),
          },
        ]
      }),
    ),
  )
}

function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b)
  const shown = [sorted[Math.floor(sorted.length / 2)]!, sorted[0]!, sorted.at(-1)!].map((value) =>
    value < 10 ? value.toFixed(2) : value.toFixed(0),
  )
  return `${shown[0]} (${shown[1]} … ${shown[2]})`
}

function inProcess(which: Case, path: string): Promise<Figures> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ['run', which, path])
    child.once('message', (figures) => resolve(figures as Figures))
    child.once('exit', (code) => code !== 0 && reject(new Error(`${which} ended with ${code}`)))
  })
}
