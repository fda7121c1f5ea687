import { describe, expect, it } from 'vitest'
import type { EvaluationSplit } from '../../contract/evaluation.ts'
import { familiarWarnings } from './familiar.ts'

const SPLIT: EvaluationSplit = {
  method: 'stratified',
  train_rows: 80,
  test_rows: 20,
  test_fraction: 0.2,
  seed: 42,
  dropped_rows: 0,
}
const live = { version: '1.0.0', dataset_id: 'dataset_a', split: SPLIT }
const judged = (changes: Partial<EvaluationSplit> = {}, dataset_id = 'dataset_a') => ({
  dataset_id,
  split: { ...SPLIT, ...changes },
})
const TIMED = { method: 'time', time_column: 'day' } as const

describe('the live version knows rows that a new one is judged on', () => {
  it.each([
    ['another seed', { seed: 1 }],
    ['another share', { test_fraction: 0.3 }],
    ['the latest rows', TIMED],
    ['whole groups', { method: 'grouped', group_column: 'person' } as const],
    ['other rows without a target', { dropped_rows: 3 }],
  ])('where %s of the same dataset are held out', (_, changes) => {
    expect(familiarWarnings(live, judged(changes))).toEqual([
      expect.stringMatching(/^Version 1.0.0.*evaluation.seed 42, evaluation.test_fraction 0.2/),
    ])
  })

  it.each([
    ['the same rows are held out', live, judged()],
    ['the dataset is another', live, judged({ seed: 1 }, 'dataset_b')],
    ['it was imported', { ...live, split: undefined }, judged()],
    [
      'fewer of the latest rows are held out',
      { ...live, split: { ...SPLIT, ...TIMED } },
      judged({ ...TIMED, test_fraction: 0.1 }),
    ],
  ])('but not where %s', (_, version, now) => {
    expect(familiarWarnings(version, now)).toEqual([])
  })
})
