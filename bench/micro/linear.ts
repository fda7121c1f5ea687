// Time of logistic regression beside scikit-learn on one thread, in turns, on the same bytes: dense, one-hot, and from raw
// text through TF-IDF.
//   node bench/micro/linear.ts --python=peer/bin/python [--rounds=5] [--data=DIR] [name…]
// A Python for it: python3 -m venv peer && peer/bin/pip install scikit-learn
// Writes bench/results/micro-linear.json. Ratios are of processor time, so that a busy machine disturbs them little; below
// 1 ours is faster. The clock's ratio stands beside them.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { openTables } from '../../src/tables/index.ts'
import { spread, writeResult } from '../result.ts'
import { allProblems, type Problem, type Timing } from './linear-problems.ts'

interface Peer extends AsyncDisposable {
  readonly version: string
  ask(request: Problem['request']): Promise<Timing>
}

async function startPeer(python: string): Promise<Peer> {
  const threads = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
  const script = join(import.meta.dirname, 'linear-peer.py')
  const child = spawn(python, ['-W', 'ignore', script], { env: threads, stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${python} ended: it needs scikit-learn, see the head of this file`)
    return JSON.parse(value as string)
  }
  const { version } = await answer()
  return {
    version,
    async ask(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      return await answer()
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
    },
  }
}

async function compare(problem: Problem, peer: Peer, rounds: number): Promise<Record<string, unknown>> {
  const pairs: { ours: Timing; theirs: Timing }[] = []
  // The first round warms both sides up and is not counted.
  for (let round = 0; round <= rounds; round++) {
    const oursFirst = round % 2 === 0
    const first = oursFirst ? await problem.run() : undefined
    const theirs = await peer.ask(problem.request)
    const ours = first ?? (await problem.run())
    if (round > 0) pairs.push({ ours, theirs })
  }
  const last = pairs.at(-1)!
  const total = ({ encode, fit }: Timing) => encode + fit
  return {
    ratio: spread(pairs.map(({ ours, theirs }) => total(ours) / total(theirs))),
    ratio_wall: spread(pairs.map(({ ours, theirs }) => ours.wall / theirs.wall)),
    ratio_fit: spread(pairs.map(({ ours, theirs }) => ours.fit / theirs.fit)),
    ours_seconds: spread(pairs.map(({ ours }) => total(ours))),
    ours_fit_seconds: spread(pairs.map(({ ours }) => ours.fit)),
    theirs_seconds: spread(pairs.map(({ theirs }) => total(theirs))),
    theirs_fit_seconds: spread(pairs.map(({ theirs }) => theirs.fit)),
    iterations: [last.ours.iterations, last.theirs.iterations],
    right_on_training_rows: [last.ours.right, last.theirs.right],
  }
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { python: { type: 'string' }, rounds: { type: 'string' }, data: { type: 'string' } },
    allowPositionals: true,
  })
  const data = values.data ?? join(import.meta.dirname, '../../../shared/data')
  if (!existsSync(data)) {
    process.stdout.write(`skipped: ${data} is absent; name the folder of the public files with --data=DIR\n`)
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'linear-'))
  const tables = openTables({ tempDir: folder })
  try {
    await using peer = await startPeer(values.python ?? 'python3')
    const rounds = Number(values.rounds ?? 5)
    const results: Record<string, unknown> = {}
    for (const problem of await allProblems(folder, tables, data)) {
      if (positionals.length > 0 && !positionals.includes(problem.name)) continue
      results[problem.name] = await compare(problem, peer, rounds)
      process.stdout.write(`${problem.name} ${JSON.stringify(results[problem.name])}\n`)
    }
    const machine = { cpu: cpus()[0]?.model ?? 'unknown', node: process.version, scikit_learn: peer.version, rounds }
    if (positionals.length === 0) await writeResult('micro-linear', { machine, ...results })
  } finally {
    await tables.close()
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
