// The training child process itself: the same run as in-process, ended from outside in every way there is.
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { TrainingOutcome, TrainingProgress, TrainingSpec } from '../src/domain/training/pipeline/spec.ts'
import { entryBeside, type IsolateOptions, runIsolated } from '../src/jobs/isolate.ts'
import { csvSpec, customersCsv, run } from './training-pipeline-spec.ts'

const entry = entryBeside(new URL('../src/domain/training/run.ts', import.meta.url).href, './pipeline/child')

const train = (input: TrainingSpec, options: Partial<IsolateOptions<TrainingProgress>> = {}) =>
  runIsolated<TrainingOutcome, TrainingProgress>({ entry, input, timeoutMs: 60_000, ...options })

const aSpec = () => csvSpec(customersCsv('plan'), 'plan')

test('a child process gives the outcome and the bytes a run in this process gives', async () => {
  const seen: TrainingProgress[] = []
  const isolated = await train(await aSpec(), { onProgress: (progress) => seen.push(progress) })
  const here = await run(await aSpec())
  expect(isolated.artifact.sha256).toBe(here.artifact.sha256)
  expect(isolated.metrics).toEqual(here.metrics)
  expect((await readFile(isolated.artifact.path)).length).toBe(isolated.artifact.bytes)
  expect(seen.at(0)?.stage).toBe('load')
  expect(seen.at(-1)?.stage).toBe('explain')
})

test('a refusal in the child arrives with its details', async () => {
  const spec = { ...(await aSpec()), target: 'joined' }
  await expect(train(spec)).rejects.toMatchObject({
    kind: 'invalid',
    code: 'TRAINING_DATA_INVALID',
    details: { column: 'joined' },
  })
})

test.each(['load', 'encode', 'fit', 'parity'] as const)('it can be cancelled at stage %s', async (stage) => {
  const controller = new AbortController()
  const onProgress = (progress: TrainingProgress) => progress.stage === stage && controller.abort()
  const cancelled = train(await aSpec(), { signal: controller.signal, onProgress })
  await expect(cancelled).rejects.toMatchObject({ kind: 'conflict', code: 'TRAINING_CANCELLED' })
})

test('a run that takes longer than its limit is stopped and says so', async () => {
  const spec = { ...(await csvSpec(customersCsv('plan', 2000), 'plan')), hyperparameters: { tolerance: 1e-12 } }
  const slow = { ...spec, evaluation: { test_fraction: 0.25, seed: 7, folds: 20 } }
  await expect(train(slow, { timeoutMs: 300 })).rejects.toMatchObject({ kind: 'limited', code: 'TRAINING_TIMEOUT' })
})
