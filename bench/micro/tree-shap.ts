// Time of the exact contributions of a tree ensemble beside LightGBM's pred_contrib, one thread each, in turns, on the same
// trees and rows; the greatest difference between the two answers stands beside it.
//   node bench/micro/tree-shap.ts --python=peer/bin/python [--rounds=7]
// A Python for it: python3 -m venv peer && peer/bin/pip install lightgbm
// Writes bench/results/micro-tree-shap.json. Ratios are of processor time; below 1 ours is faster.
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import { treeOf } from '../../src/ml/explain/testing.ts'
import { explainTrees } from '../../src/ml/explain/tree-shap.ts'
import type { TreeModel } from '../../src/ml/explain/trees.ts'
import { spread, writeResult } from '../result.ts'

const WIDTH = 30
const CASES = [
  { name: '200 trees of depth 6', trees: 200, rows: 400, params: { num_leaves: 64, max_depth: 6 } },
  { name: '200 trees of 31 leaves', trees: 200, rows: 400, params: { num_leaves: 31 } },
  { name: '100 trees of 255 leaves', trees: 100, rows: 100, params: { num_leaves: 255, min_data_in_leaf: 5 } },
]

interface Timing {
  readonly seconds: number
  readonly wall: number
  readonly first: readonly number[]
}

async function startPeer(python: string) {
  const child = spawn(python, ['-W', 'ignore', join(import.meta.dirname, 'tree-shap-peer.py')], {
    env: { OMP_NUM_THREADS: '1' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`${python} ended: it needs lightgbm, see the head of this file`)
    return JSON.parse(value as string)
  }
  const { version } = await answer()
  return {
    version: version as string,
    ask: (request: unknown) => {
      child.stdin.write(`${JSON.stringify(request)}\n`)
      return answer()
    },
    end: () => child.stdin.end(),
  }
}

function runOurs(model: TreeModel, rows: Float64Array): Timing {
  const explainer = explainTrees(model)
  const count = rows.length / WIDTH
  const found = new Float64Array(count * WIDTH)
  const [wall, cpu] = [performance.now(), process.cpuUsage()]
  for (let i = 0; i < count; i++) {
    explainer.explain(rows, { offset: i * WIDTH, output: 0 }, found.subarray(i * WIDTH, (i + 1) * WIDTH))
  }
  const { user, system } = process.cpuUsage(cpu)
  const first = [...found.subarray(0, WIDTH), explainer.base[0]!]
  return { seconds: (user + system) / 1e6, wall: (performance.now() - wall) / 1e3, first }
}

const { values } = parseArgs({ options: { python: { type: 'string' }, rounds: { type: 'string' } } })
const rounds = Number(values.rounds ?? 7)
const folder = await mkdtemp(join(tmpdir(), 'tree-shap-'))
const peer = await startPeer(values.python ?? 'python3')
try {
  const results: Record<string, unknown> = {}
  for (const { name, ...request } of CASES) {
    const file = join(folder, 'trees.json')
    await peer.ask({ ...request, file })
    const made = JSON.parse(await readFile(file, 'utf8')) as {
      trees: { nodes: Parameters<typeof treeOf>[0] }[]
      rows: number[]
    }
    const trees = made.trees.map(({ nodes }) => treeOf(nodes, 0))
    const model: TreeModel = { width: WIDTH, outputs: 1, base: new Float64Array(1), trees }
    const rows = Float64Array.from(made.rows)
    const pairs: { ours: Timing; theirs: Timing }[] = []
    // The first round warms both sides up and is not counted.
    for (let round = 0; round <= rounds; round++) {
      const first = round % 2 === 0 ? runOurs(model, rows) : undefined
      const theirs: Timing = await peer.ask({})
      const ours = first ?? runOurs(model, rows)
      if (round > 0) pairs.push({ ours, theirs })
    }
    const { ours, theirs } = pairs.at(-1)!
    results[name] = {
      ratio: spread(pairs.map((pair) => pair.ours.seconds / pair.theirs.seconds)),
      ours_ms_a_row: spread(pairs.map((pair) => (pair.ours.seconds * 1e3) / request.rows)),
      theirs_ms_a_row: spread(pairs.map((pair) => (pair.theirs.seconds * 1e3) / request.rows)),
      greatest_difference: Math.max(...ours.first.map((value, i) => Math.abs(value - theirs.first[i]!))),
    }
    process.stdout.write(`${name} ${JSON.stringify(results[name])}\n`)
  }
  const machine = { cpu: cpus()[0]?.model ?? 'unknown', node: process.version, lightgbm: peer.version, rounds }
  await writeResult('micro-tree-shap', { machine, ...results })
} finally {
  peer.end()
  await rm(folder, { recursive: true, force: true })
}
