// How long a training takes to end once it was cancelled: from the signal until the child process is gone, in the middle of each
// kind of work, in turns with a bare child that is killed at once. Prints milliseconds.
//   node bench/micro/cancel.ts [rounds]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MlError } from '../../src/core/failure.ts'
import { seededRandom } from '../../src/core/random.ts'
import type { TrainingProgress, TrainingSpec } from '../../src/domain/training/pipeline/spec.ts'
import { runIsolated } from '../../src/jobs/isolate.ts'
import { ALGORITHMS, type AlgorithmName, fillSettings } from '../../src/ml/learn/index.ts'
import { openTables } from '../../src/tables/index.ts'
import { spread, writeResult } from '../result.ts'

const ROUNDS = Number(process.argv[2] ?? 3)
const ROWS = 50_000
const COLUMNS = 20
const ENTRY = new URL('../../src/domain/training/pipeline/child.ts', import.meta.url)

const named = (algorithm: AlgorithmName, given: Record<string, unknown>) => ({
  algorithm,
  hyperparameters: fillSettings(ALGORITHMS[algorithm].hyperparameters, given),
})
const boosting = named('gradient_boosting', { n_estimators: 20_000 })
const forest = named('random_forest', { n_estimators: 5000 })
const logistic = named('logistic_regression', { path: 50, tolerance: 1e-12, max_iterations: 100_000 })
const network = named('neural_network', { epochs: 10_000, early_stopping: 0 })

const KINDS: Readonly<Record<string, Partial<TrainingSpec> & { readonly stage: TrainingProgress['stage'] }>> = {
  boosting: { ...boosting, stage: 'fit' },
  forest: { ...forest, stage: 'fit' },
  'logistic regression': { ...logistic, stage: 'fit' },
  network: { ...network, stage: 'fit' },
  comparison: { ...boosting, candidates: [boosting, forest], stage: 'choose' },
  encoding: { ...boosting, stage: 'encode' },
}

/** Milliseconds from the cancellation, 0.3 s into a stage, until the process is gone. */
async function cancel(spec: TrainingSpec, stage: TrainingProgress['stage']): Promise<number> {
  const controller = new AbortController()
  let cancelledAt = 0
  let waiting = false
  const onProgress = (progress: TrainingProgress) => {
    if (progress.stage !== stage || waiting) return
    waiting = true
    setTimeout(
      () => {
        cancelledAt = performance.now()
        controller.abort()
      },
      stage === 'encode' ? 0 : 300,
    )
  }
  try {
    await runIsolated({ entry: ENTRY, input: spec, onProgress, signal: controller.signal, timeoutMs: 120_000 })
  } catch (error) {
    if (error instanceof MlError && error.code === 'TRAINING_CANCELLED') return performance.now() - cancelledAt
    throw error
  }
  throw new Error(`The training ended before it could be cancelled in the middle of ${stage}`)
}

/** The floor: a process that does nothing, killed. */
async function killBare(): Promise<number> {
  const child = fork(join(import.meta.dirname, 'cancel-bare.ts'))
  await once(child, 'message')
  const started = performance.now()
  child.kill('SIGKILL')
  await once(child, 'exit')
  return performance.now() - started
}

const folder = await mkdtemp(join(tmpdir(), 'cancel-'))
const dataFile = join(folder, 'table.csv')
const random = seededRandom(1)
const names = Array.from({ length: COLUMNS }, (_, i) => `c${i}`)
const lines = Array.from({ length: ROWS }, () => {
  const values = names.map(() => random.normal())
  return [...values.map((value) => value.toFixed(4)), values[0]! * values[1]! + values[2]! > 0 ? 'yes' : 'no'].join(',')
})
await writeFile(dataFile, `${[...names, 'answer'].join(',')}\n${lines.join('\n')}\n`)
const tables = openTables({ tempDir: folder })
const { contract, reading } = await tables.inspect(dataFile, { target: 'answer' })
await tables.close()
const base = {
  dataFile,
  reading,
  contract,
  modelType: 'classification',
  target: 'answer',
  features: names,
  evaluation: { test_fraction: 0.2, seed: 7 },
  outputDir: folder,
  modelName: 'cancelled',
  version: '1.0.0',
} as const
const series: Record<string, number[]> = { 'a bare process, killed': [] }
for (let round = 0; round < ROUNDS; round++) {
  for (const [kind, { stage, ...more }] of Object.entries(KINDS)) {
    series[kind] ??= []
    series[kind].push(await cancel({ ...base, ...boosting, ...more }, stage))
  }
  series['a bare process, killed']!.push(await killBare())
}
await rm(folder, { recursive: true, force: true })
await writeResult('micro-cancel', {
  what: `milliseconds from cancelling a training of ${ROWS} rows × ${COLUMNS} columns until its process is gone`,
  ...Object.fromEntries(Object.entries(series).map(([kind, values]) => [kind, spread(values)])),
})
