// Time of a neural network beside scikit-learn's MLPClassifier on one thread, in turns: the same bytes, layers, batches and
// number of epochs.
//   node bench/micro/neural.ts --python=peer/bin/python [--rounds=3]
// Writes bench/results/micro-neural.json. Ratios are of processor time; below 1 ours is faster.
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '../../src/core/random.ts'
import { spread, writeResult } from '../result.ts'
import { synthetic } from './linear-problems.ts'
import { type Examples, ours, startPeer } from './neural-sides.ts'

const EPOCHS = 5
const BATCH = 256

/** 100 of 20,000 features in a row, as in short texts. */
function sparseExamples(rows: number): Examples {
  const random = seededRandom(2)
  const [cols, each] = [20_000, 100]
  const indices = new Uint32Array(rows * each)
  for (let row = 0; row < rows; row++) {
    const own = new Set<number>()
    while (own.size < each) own.add(Math.floor(cols * random.next() ** 3))
    indices.set(
      [...own].sort((a, b) => a - b),
      row * each,
    )
  }
  const labels = Int32Array.from({ length: rows }, (_, row) => indices[row * each + 30]! % 10)
  const matrix = {
    form: 'csr',
    rows,
    cols,
    offsets: Uint32Array.from({ length: rows + 1 }, (_, row) => row * each),
    indices,
    values: new Float32Array(indices.length).fill(0.3),
  } as const
  const classes = Array.from({ length: 10 }, (_, k) => String(k))
  return {
    name: 'sparse-4000x20000',
    train: { matrix, target: { task: 'classification', dtype: 'integer', classes, labels } },
    test: matrix,
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { python: { type: 'string' }, rounds: { type: 'string' } } })
  const folder = await mkdtemp(join(tmpdir(), 'neural-'))
  try {
    await using peer = await startPeer(values.python ?? 'python3', folder)
    const rounds = Number(values.rounds ?? 3)
    const dense = synthetic(40_000, 30)
    const problems: Examples[] = [{ name: 'dense-40000x30', train: dense, test: dense.matrix }, sparseExamples(4000)]
    const results: Record<string, unknown> = {}
    for (const problem of problems) {
      const pairs: { ours: number; theirs: number }[] = []
      // The first round warms both sides up and is not counted.
      for (let round = 0; round <= rounds; round++) {
        const settings = { epochs: EPOCHS, batch_size: BATCH, early_stopping: 0, weight_decay: 0 }
        const own = await ours(problem, settings)
        const other = await peer.fit(problem, {
          max_iter: EPOCHS,
          batch_size: BATCH,
          alpha: 0,
          n_iter_no_change: EPOCHS,
        })
        if (round > 0) pairs.push({ ours: own.seconds, theirs: other.seconds })
      }
      results[problem.name] = {
        ratio: spread(pairs.map((pair) => pair.ours / pair.theirs)),
        ours_seconds: spread(pairs.map((pair) => pair.ours)),
        theirs_seconds: spread(pairs.map((pair) => pair.theirs)),
      }
    }
    const machine = { cpu: cpus()[0]?.model ?? 'unknown', node: process.version, scikit_learn: peer.version, rounds }
    await writeResult('micro-neural', { machine, epochs: EPOCHS, batch_size: BATCH, ...results })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

await main()
