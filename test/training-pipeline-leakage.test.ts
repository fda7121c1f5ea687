// Warnings about figures that are too good to be true, and splits that keep rows together: whole runs.
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../src/core/random.ts'
import { csvOf, csvSpec, run, type SpecChoices } from './training-pipeline-spec.ts'

type Row = Record<string, string | number>

function visits(rows = 200): Row[] {
  const random = seededRandom(3)
  return Array.from({ length: rows }, (_, i) => {
    const pain = random.integer(11)
    const age = 20 + random.next() * 60
    const stays = pain + age / 20 + random.normal() * 2 > 8 ? 'yes' : 'no'
    return {
      pain,
      age,
      ward: ['A', 'B', 'C'][random.integer(3)]!,
      patient: `p${i % 40}`,
      stays,
      days: pain * 2 + random.normal(),
    }
  })
}

async function warningsOf(rows: readonly Row[], target = 'stays', choices: SpecChoices = {}): Promise<string[]> {
  const { warnings } = await run(await csvSpec(csvOf(rows), target, choices))
  return [...warnings]
}

const without = (rows: readonly Row[], ...names: string[]) =>
  rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name))) as Row)

describe('a warning', () => {
  const clean = without(visits(), 'days', 'patient')

  it('is not given about honest columns', async () => {
    expect(await warningsOf(clean)).toEqual([])
  })

  it('names a column that copies the target under other words', async () => {
    const rows = clean.map((row) => ({ ...row, bed: row.stays === 'yes' ? 'taken' : 'free' }))
    expect(await warningsOf(rows)).toEqual([
      'Column "bed" says the target "stays" in every row: leave it out of "features" unless it is known before the prediction is made',
    ])
  })

  it('names a column that predicts the classes alone', async () => {
    const rows = clean.map((row, i) => ({ ...row, bill: (row.stays === 'yes' ? 900 : 100) + ((i * 37) % 500) }))
    expect(await warningsOf(rows)).toEqual([
      expect.stringMatching(/^Column "bill" alone predicts "stays" .*leave it out/),
    ])
  })

  it('names a column that predicts the number alone, and no merely good one', async () => {
    const rows = without(visits(), 'stays', 'patient').map((row) => ({ ...row, cost: Number(row.days) * 120 + 40 }))
    expect(await warningsOf(rows, 'days', { modelType: 'regression' })).toEqual([
      expect.stringMatching(/^Column "cost" alone predicts "days" \(R² 1\.000\)/),
    ])
  })

  it('is not given about cells that are too far apart to be compared', async () => {
    const rows = without(visits(), 'stays', 'patient').map((row, i) => ({ ...row, far: [1e308, -1e308, 1][i % 3]! }))
    expect(await warningsOf(rows, 'days', { modelType: 'regression' })).toEqual([])
  })

  it('names a column that numbers the rows', async () => {
    const rows = clean.map((row, i) => ({ ...row, visit_no: 1000 + i }))
    expect(await warningsOf(rows)).toEqual([expect.stringMatching(/^Column "visit_no" is different in every row/)])
  })

  it('counts held-out rows that were learned', async () => {
    const found = await warningsOf([...clean, ...clean.slice(0, 60)])
    expect(found).toEqual([
      expect.stringMatching(/^\d+ of 65 held-out rows are also among the training rows.*group_column/),
    ])
  })
})

describe('a group column', () => {
  it('keeps the rows of one value on one side, in the hold-out and in the folds', async () => {
    const rows = visits()
    const choices: SpecChoices = {
      features: ['pain', 'age'],
      evaluation: { group_column: 'patient', folds: 4, test_fraction: 0.2 },
    }
    const { evaluation } = await run(await csvSpec(csvOf(rows), 'stays', choices))
    expect(evaluation.split).toMatchObject({ method: 'grouped', group_column: 'patient', test_rows: 40 })
    expect(evaluation.folds).toHaveLength(4)
  })

  it('of too few values is a refusal that names it', async () => {
    const choices: SpecChoices = { evaluation: { group_column: 'ward', folds: 5 } }
    const outcome = run(await csvSpec(csvOf(visits()), 'stays', choices))
    await expect(outcome).rejects.toThrow(
      /Column "ward" cannot be split .* choose fewer folds, or another group column/,
    )
  })

  it('of one value is a refusal that names it', async () => {
    const rows = visits().map((row) => ({ ...row, ward: 'A' }))
    const outcome = run(await csvSpec(csvOf(rows), 'stays', { evaluation: { group_column: 'ward' } }))
    await expect(outcome).rejects.toThrow(/Column "ward" cannot be split .* another group column/)
  })
})
