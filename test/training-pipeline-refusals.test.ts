// Data that cannot be learned from, whole runs: each refusal names the column and says what to do.
import { expect, test } from 'vitest'
import type { TrainingSpec } from '../src/domain/training/pipeline/spec.ts'
import { csvOf, csvSpec, customers, customersCsv, INPUTS, run, type SpecChoices } from './training-pipeline-spec.ts'

interface Case {
  readonly name: string
  readonly spec: () => Promise<TrainingSpec>
  readonly column: string
  readonly says: RegExp
}

const rowsWith = (change: (index: number) => object, count = 40) =>
  csvOf(customers(count).map(({ age, city, note }, i) => ({ age, city, note, ...change(i) })))
const spec = (csv: string, choices?: SpecChoices) => () => csvSpec(csv, 'y', choices)
const regression = { modelType: 'regression' } as const

const CASES: readonly Case[] = [
  {
    name: 'one class',
    spec: spec(rowsWith(() => ({ y: 'a' }))),
    column: 'y',
    says: /single value "a".*another target/,
  },
  {
    name: 'a class with one row',
    spec: spec(rowsWith((i) => ({ y: i === 3 ? 'rare' : i % 2 ? 'a' : 'b' }))),
    column: 'y',
    says: /one row of class "rare".*add rows/,
  },
  {
    name: 'more classes than trees are grown for',
    spec: spec(csvOf(Array.from({ length: 3003 }, (_, i) => ({ x: i % 7, z: i % 11, y: `kind ${i % 1001}` }))), {
      algorithm: 'gradient_boosting',
    }),
    column: 'y',
    says: /Column "y": There are 1001 classes.*merge classes/,
  },
  {
    name: 'a different class in every row',
    spec: spec(
      rowsWith((i) => ({ y: `name ${i}` })),
      { columns: { y: { dtype: 'string' } } },
    ),
    column: 'y',
    says: /40 different values in 40 rows.*choose a target/,
  },
  {
    name: 'fractions as classes',
    spec: spec(rowsWith((i) => ({ y: i % 2 ? 0.5 : 1 }))),
    column: 'y',
    says: /0\.5.*regression/,
  },
  {
    name: 'a target that is missing everywhere but once',
    spec: spec(
      rowsWith((i) => ({ y: i === 5 ? 1 : '' })),
      { columns: { y: { dtype: 'integer' } } },
    ),
    column: 'y',
    says: /value in one row.*at least two rows/,
  },
  {
    name: 'text as the target of a regression',
    spec: spec(
      rowsWith((i) => ({ y: i % 2 ? 'a' : 'b' })),
      regression,
    ),
    column: 'y',
    says: /is string.*numeric column/,
  },
  {
    name: 'a target beyond the numbers of 32 bits',
    spec: spec(
      rowsWith((i) => ({ y: i === 7 ? 4e38 : i / 3 })),
      regression,
    ),
    column: 'y',
    says: /holds 4e\+38.*larger unit/,
  },
  {
    name: 'a constant target',
    spec: spec(
      rowsWith(() => ({ y: 7 })),
      regression,
    ),
    column: 'y',
    says: /7 in every row.*another/,
  },
  {
    name: 'a feature named like an answer',
    spec: spec(rowsWith((i) => ({ label: i % 3, y: i % 2 ? 'a' : 'b' }))),
    column: 'label',
    says: /name of one of the answers.*rename it/,
  },
  {
    name: 'a time column of text',
    spec: spec(
      rowsWith((i) => ({ y: i % 2 ? 'a' : 'b' })),
      { evaluation: { time_column: 'city' } },
    ),
    column: 'city',
    says: /text.*declare it as datetime/,
  },
  {
    name: 'one moment for all rows',
    spec: spec(
      rowsWith((i) => ({ year: 2024, y: i % 2 ? 'a' : 'b' })),
      { evaluation: { time_column: 'year' } },
    ),
    column: 'year',
    says: /same time.*another time column/,
  },
  {
    name: 'more folds than a class has rows to learn from',
    spec: spec(
      rowsWith((i) => ({ y: i < 2 ? 'rare' : i % 2 ? 'a' : 'b' })),
      { evaluation: { folds: 3 } },
    ),
    column: 'y',
    says: /"rare".*add rows/,
  },
]

test.each(CASES)('$name is refused with the column and a remedy', async ({ spec, column, says }) => {
  const refused = run(await spec())
  await expect(refused).rejects.toMatchObject({
    kind: 'invalid',
    code: 'TRAINING_DATA_INVALID',
    message: expect.stringMatching(says),
    details: { column, remedy: expect.any(String) },
  })
  await expect(refused).rejects.toThrow(`"${column}"`)
})

test('a table whose features never vary is refused with their names', async () => {
  const csv = csvOf(Array.from({ length: 20 }, (_, i) => ({ a: 1, b: 'x', y: i % 2 ? 'p' : 'q' })))
  await expect(run(await csvSpec(csv, 'y'))).rejects.toMatchObject({
    code: 'TRAINING_DATA_INVALID',
    message: expect.stringMatching(/"a".*"b".*add columns/),
    details: { columns: ['a', 'b'] },
  })
})

test('a feature or target outside the contract is refused', async () => {
  const csv = customersCsv('plan', 40)
  await expect(run(await csvSpec(csv, 'plan', { features: ['agee'] }))).rejects.toThrow(/"agee".*contract/)
  await expect(run(await csvSpec(csv, 'plann'))).rejects.toThrow(/"plann".*contract/)
})

test('a metric that the held-out rows cannot give is refused with a remedy', async () => {
  const rows = customers(40).map((row, i) => ({ ...row, plan: i < 30 ? (i % 2 ? 'a' : 'b') : 'a' }))
  const csv = csvOf(rows, [...INPUTS, 'plan'])
  const evaluation = { metric: 'roc_auc', time_column: 'joined' }
  await expect(run(await csvSpec(csv, 'plan', { evaluation }))).rejects.toThrow(/"plan".*"roc_auc".*hold out more rows/)
})

test('a metric of the other task is refused', async () => {
  const spec = await csvSpec(customersCsv('plan', 40), 'plan', { evaluation: { metric: 'rmse' } })
  await expect(run(spec)).rejects.toMatchObject({ kind: 'invalid', code: 'METRIC_UNKNOWN' })
})

test('a class seen only after the time of the training rows is warned about', async () => {
  const rows = customers(80).map((row, i) => ({ ...row, plan: i >= 70 ? 'new' : i % 2 ? 'a' : 'b' }))
  const csv = csvOf(rows, [...INPUTS, 'plan'])
  const outcome = await run(await csvSpec(csv, 'plan', { evaluation: { time_column: 'joined' } }))
  expect(outcome.warnings).toContainEqual(expect.stringMatching(/"plan".*"new".*cannot be predicted/))
})
