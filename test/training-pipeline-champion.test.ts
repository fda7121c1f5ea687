// The live version against a new one, on the same held-out rows: whole runs, the champion being an earlier run's file.
import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { Champion, TrainingOutcome } from '../src/domain/training/pipeline/spec.ts'
import {
  csvOf,
  csvSpec,
  customers,
  customersCsv,
  INPUTS,
  run,
  type SpecChoices,
  tempFolder,
} from './training-pipeline-spec.ts'

const CSV = customersCsv('plan')
let earlier: TrainingOutcome
let champion: Champion

async function championOf(outcome: TrainingOutcome): Promise<Champion> {
  const path = join(await tempFolder(), 'model.onnx')
  await copyFile(outcome.artifact.path, path)
  return { version: '1.0.0', path, signature: outcome.signature }
}

beforeAll(async () => {
  earlier = await run(await csvSpec(CSV, 'plan'))
  champion = await championOf(earlier)
})

const against = async (csv: string, choices: SpecChoices = {}) =>
  (await run(await csvSpec(csv, 'plan', { champion, version: '1.1.0', ...choices }))).champion

test('a champion that is the same model on the same rows has exactly the same figure', async () => {
  const outcome = await run(await csvSpec(CSV, 'plan', { champion }))
  expect(outcome.champion).toEqual({ version: '1.0.0', value: outcome.gateMetric.value })
})

test('the champion is measured by the metric of the gate', async () => {
  const evaluation = { metric: 'log_loss' }
  const outcome = await run(await csvSpec(CSV, 'plan', { champion, evaluation }))
  expect(outcome.gateMetric.greaterIsBetter).toBe(false)
  expect(outcome.champion).toEqual({ version: '1.0.0', value: outcome.gateMetric.value })
})

test('a champion of a regression is measured as well', async () => {
  const csv = customersCsv('spent')
  const first = await run(await csvSpec(csv, 'spent', { modelType: 'regression' }))
  const live = await championOf(first)
  const second = await run(await csvSpec(csv, 'spent', { modelType: 'regression', champion: live }))
  expect(second.champion).toEqual({ version: '1.0.0', value: first.gateMetric.value })
})

test('columns the new version does not use are still read for the champion', async () => {
  expect(await against(CSV, { features: ['age', 'city'] })).toEqual({ version: '1.0.0', value: expect.any(Number) })
})

test('a champion with fewer classes is measured, its missing class having no probability', async () => {
  const rows = customers(240).map((row, i) => ({ ...row, plan: i % 10 === 0 ? 'platinum' : row.plan }))
  const found = await against(csvOf(rows, [...INPUTS, 'plan']))
  expect(found).toEqual({ version: '1.0.0', value: expect.any(Number) })
})

test('the classes of a champion count by name, not by position', async () => {
  // A class before all others moves every other one by one; read by position the champion would be wrong everywhere.
  const rows = customers(240).map((row, i) => ({ ...row, plan: i % 10 === 0 ? 'Aplus' : row.plan }))
  const found = await against(csvOf(rows, [...INPUTS, 'plan']), { evaluation: { metric: 'accuracy' } })
  expect((found as { value: number }).value).toBeGreaterThan(0.5)
})

const INCOMPARABLE: readonly [
  name: string,
  choices: () => Promise<{ csv: string; choices?: SpecChoices }>,
  says: RegExp,
][] = [
  [
    'a column it takes is gone',
    async () => ({ csv: csvOf(customers(240), ['age', 'note', 'joined', 'plan']) }),
    /lacks its input column "city"/,
  ],
  [
    'a column it takes has another type',
    async () => ({ csv: CSV, choices: { columns: { age: { dtype: 'string' } } } }),
    /"age" is string in the dataset and integer in version 1\.0\.0/,
  ],
  [
    'it knows a class that is gone',
    async () => ({
      csv: csvOf(
        customers(240).filter((row) => row.plan !== 'gold'),
        [...INPUTS, 'plan'],
      ),
    }),
    /class "gold"/,
  ],
  [
    'it requires a value that is missing in held-out rows',
    async () => {
      const inputs = champion.signature.inputs.map((input) => ({ ...input, nullable: false }))
      return { csv: CSV, choices: { champion: { ...champion, signature: { ...champion.signature, inputs } } } }
    },
    /"age" is missing in \d+ held-out rows/,
  ],
  [
    'its file does not load',
    async () => {
      const path = join(await tempFolder(), 'model.onnx')
      await writeFile(path, 'not a model')
      return { csv: CSV, choices: { champion: { ...champion, path } } }
    },
    /cannot be run/,
  ],
  [
    'its probabilities are not known',
    async () => {
      const signature = { ...champion.signature, outputs: champion.signature.outputs.slice(0, 1) }
      return { csv: CSV, choices: { champion: { ...champion, signature } } }
    },
    /no probabilities/,
  ],
]

test.each(INCOMPARABLE)('a champion cannot be compared when %s, and the reason is told', async (_name, make, says) => {
  const { csv, choices } = await make()
  expect(await against(csv, choices)).toEqual({ version: '1.0.0', incomparable: expect.stringMatching(says) })
})
