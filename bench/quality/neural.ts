// The default neural network beside scikit-learn's multilayer perceptron (64-64, early stopping, else its defaults) on the
// same encoded bytes of public files, and beside the linear models of the sets' SOURCE.md:
//   node bench/quality/neural.ts --python=peer/bin/python [--data=DIR] [name…]
// Writes bench/results/quality-neural.json.
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { encodeTable, fitEncoding } from '../../src/ml/encode/index.ts'
import { ALGORITHMS } from '../../src/ml/learn/index.ts'
import { evaluateClassification, evaluateRegression } from '../../src/ml/metrics/index.ts'
import { openSession } from '../../src/runtime/in-process.ts'
import { openTables } from '../../src/tables/index.ts'
import { type Examples, ours, type Side, startPeer } from '../micro/neural-sides.ts'
import { writeResult } from '../result.ts'
import { type QualityRows, readRows } from './rows.ts'
import { SETS } from './sets.ts'

async function examplesOf(name: string, { columns, train, test }: QualityRows): Promise<Examples> {
  const encoding = fitEncoding(train.table, columns, ALGORITHMS.neural_network.encoding)
  const session = await openSession(encoding.trainingGraph().bytes)
  const run: Parameters<typeof encodeTable>[2] = async (feeds, fetches) =>
    (await session.run(feeds, { fetches })).outputs
  const matrix = await encodeTable(encoding, train.table, run)
  const examples = { name, train: { matrix, target: train.target }, test: await encodeTable(encoding, test.table, run) }
  await session.close()
  return examples
}

function judge({ test }: QualityRows, { said }: Side, names: readonly string[]): Record<string, number> {
  const { target } = test
  const { metrics } =
    target.task === 'classification'
      ? evaluateClassification({ labels: target.labels, classes: target.classes, probabilities: said })
      : evaluateRegression({ actual: target.values, predicted: said })
  return Object.fromEntries(names.map((name) => [name, Number(metrics[name]!.toFixed(4))]))
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    options: { data: { type: 'string' }, python: { type: 'string' } },
    allowPositionals: true,
  })
  const data = values.data ?? join(import.meta.dirname, '../../../shared/data')
  if (!existsSync(data)) {
    process.stdout.write(`skipped: ${data} is absent; name the folder of the public files with --data=DIR\n`)
    return
  }
  const folder = await mkdtemp(join(tmpdir(), 'neural-'))
  const tables = openTables({ tempDir: folder })
  const results: Record<string, unknown> = {}
  try {
    await using peer = await startPeer(values.python ?? 'python3', folder)
    for (const set of SETS) {
      if (positionals.length > 0 && !positionals.some((part) => set.name.includes(part))) continue
      const rows = await readRows(set, tables, data)
      const examples = await examplesOf(set.name, rows)
      const names = Object.keys(set.reference)
      const own = await ours(examples, {})
      const other = await peer.fit(examples, { early_stopping: true })
      results[set.name] = {
        ours: { ...judge(rows, own, names), epochs: own.epochs, seconds: Number(own.seconds.toFixed(1)) },
        scikit_learn: { ...judge(rows, other, names), epochs: other.epochs, seconds: Number(other.seconds.toFixed(1)) },
        linear_reference: set.reference,
      }
      process.stdout.write(`${set.name} ${JSON.stringify(results[set.name])}\n`)
    }
  } finally {
    await tables.close()
    await rm(folder, { recursive: true, force: true })
  }
  if (positionals.length === 0) await writeResult('quality-neural', results)
}

await main()
