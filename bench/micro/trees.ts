// Time, memory and quality of gradient boosting beside XGBoost (hist) and LightGBM, in turns, each fit in a process of its own:
// 200 rounds of trees of one depth or one number of leaves over 30 numbers.
//   node bench/micro/trees.ts --xgboost=python3 --lightgbm=peer/bin/python [--rounds=3] [name…]
// XGBoost is Debian's python3-xgboost; LightGBM: python3 -m venv peer && peer/bin/pip install lightgbm
// The kernel must be there: npm run kernel. Puts each case in its place in bench/results/micro-trees.json. Ratios are ours to theirs; those of processor
// time are little disturbed by a busy machine; `speedup` (one thread's clock over two threads') is, and `speedup_by_cpu` (one
// thread's processor time over that of the first of two) says what it would be alone, but for the waiting. Every round has data
// of its own.
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { rankingAreas } from '../../src/ml/metrics/index.ts'
import { spread, writeResult } from '../result.ts'
import { writeTable } from './trees-data.ts'

const TEST_ROWS = 100_000
const CASES = [
  { name: '50000x30 depth 6', rows: 50_000, depth: 6, leaves: 64 },
  { name: '50000x30 31 leaves', rows: 50_000, depth: 0, leaves: 31 },
  { name: '500000x30 depth 6', rows: 500_000, depth: 6, leaves: 64 },
]
const ROUNDS_OF_BOOSTING = 200
const THREADS = [1, 2]
const ENGINES = ['ours', 'xgboost', 'lightgbm'] as const
type Engine = (typeof ENGINES)[number]

interface Fit {
  readonly cpu: number
  /** Processor time of the first thread alone, ours only. */
  readonly first?: number
  readonly wall: number
  readonly peak_mb: number
  readonly auc: number
  readonly version?: string
}

type Programs = Readonly<Record<Engine, readonly string[]>>

const run = promisify(execFile)

async function fitted(
  [program, ...args]: readonly string[],
  request: Readonly<Record<string, unknown>>,
  labels: Uint8Array,
) {
  // Threads of OpenMP that wait by spinning would starve each other, and us, wherever anything else runs.
  const env = { ...process.env, OMP_WAIT_POLICY: 'passive' }
  const { stdout } = await run(program!, [...args, JSON.stringify(request)], { env })
  const bytes = await readFile(request.answers as string)
  const answers = new Float64Array(bytes.buffer, bytes.byteOffset, labels.length)
  const ranking = { score: (row: number) => answers[row]!, positive: (row: number) => labels[row] === 1 }
  const { rocAuc } = rankingAreas({ ...ranking, rows: labels.length })
  return { ...JSON.parse(stdout), auc: rocAuc } as Fit
}

/** By engine and number of threads, in the order of the rounds. */
type Fits = Map<string, Fit[]>

function report(fits: Fits) {
  const of = (engine: Engine, threads: number) => fits.get(`${engine} ${threads}`)!
  const ratio = (engine: Engine, threads: number, key: 'cpu' | 'wall' | 'peak_mb') =>
    spread(of('ours', threads).map((own, round) => own[key] / of(engine, threads)[round]![key]))
  const results: Record<string, unknown> = {}
  for (const engine of ['xgboost', 'lightgbm'] as const) {
    results[`cpu_1_thread_to_${engine}`] = ratio(engine, 1, 'cpu')
    results[`wall_2_threads_to_${engine}`] = ratio(engine, 2, 'wall')
    results[`peak_memory_to_${engine}`] = ratio(engine, 1, 'peak_mb')
    results[`auc_minus_${engine}`] = spread(of('ours', 1).map(({ auc }, round) => auc - of(engine, 1)[round]!.auc))
  }
  for (const engine of ENGINES) {
    const [one, two] = [of(engine, 1), of(engine, 2)]
    results[engine] = {
      cpu_1_thread_s: spread(one.map(({ cpu }) => cpu)),
      wall_1_thread_s: spread(one.map(({ wall }) => wall)),
      wall_2_threads_s: spread(two.map(({ wall }) => wall)),
      cpu_2_threads_s: spread(two.map(({ cpu }) => cpu)),
      speedup: spread(one.map(({ wall }, round) => wall / two[round]!.wall)),
      peak_mb: spread(one.map((own) => own.peak_mb)),
      auc: spread(one.map(({ auc }) => auc)),
    }
  }
  const [alone, shared] = [of('ours', 1), of('ours', 2)]
  results.speedup_by_cpu = spread(alone.map(({ first }, round) => first! / shared[round]!.first!))
  return results
}

const RESULTS = join(import.meta.dirname, '../results/micro-trees.json')

async function keep(name: string, result: Readonly<Record<string, unknown>>): Promise<void> {
  const known = existsSync(RESULTS) ? (JSON.parse(await readFile(RESULTS, 'utf8')) as Record<string, unknown>) : {}
  const all: Record<string, unknown> = { ...known, [name]: result }
  await writeResult(
    'micro-trees',
    Object.fromEntries(CASES.flatMap(({ name }) => (all[name] ? [[name, all[name]]] : []))),
  )
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { xgboost: { type: 'string' }, lightgbm: { type: 'string' }, rounds: { type: 'string' } },
    allowPositionals: true,
  })
  const here = (file: string) => join(import.meta.dirname, file)
  const programs: Programs = {
    ours: [process.execPath, here('trees-run.ts')],
    xgboost: [values.xgboost ?? 'python3', '-W', 'ignore', here('trees-peer.py')],
    lightgbm: [values.lightgbm ?? 'python3', '-W', 'ignore', here('trees-peer.py')],
  }
  const rounds = Number(values.rounds ?? 3)
  const folder = await mkdtemp(join(tmpdir(), 'trees-'))
  const versions: Record<string, string | undefined> = {}
  try {
    await writeTable(folder, 'test', { rows: TEST_ROWS, seed: 99 })
    const labels = await readFile(join(folder, 'test.labels'))
    for (const { name, rows, ...shape } of CASES) {
      if (positionals.length > 0 && !positionals.some((wanted) => name.includes(wanted))) continue
      const fits: Fits = new Map()
      for (let round = 0; round < rounds; round++) {
        await writeTable(folder, String(rows), { rows, seed: round + 1 })
        for (let turn = 0; turn < ENGINES.length; turn++) {
          const engine = ENGINES[(round + turn) % ENGINES.length]!
          for (const threads of THREADS) {
            const size = { name: String(rows), rounds: ROUNDS_OF_BOOSTING, threads, ...shape }
            const request = { engine, folder, answers: join(folder, 'answers'), ...size }
            const one = await fitted(programs[engine], request, labels)
            const key = `${engine} ${threads}`
            fits.set(key, [...(fits.get(key) ?? []), one])
            versions[engine] = one.version
          }
        }
      }
      const { xgboost, lightgbm } = versions
      const machine = { cpu: cpus()[0]?.model ?? 'unknown', node: process.version, xgboost, lightgbm, rounds }
      await keep(name, { machine, ...report(fits) })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
