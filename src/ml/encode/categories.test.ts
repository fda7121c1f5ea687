import { describe, expect, it } from 'vitest'
import { asFailure, type MlError } from '../../core/failure.ts'
import { fitEncoding } from './encoding.ts'
import { aColumn, aTable, categories, encodeColumn } from './testing.ts'

describe('categories', () => {
  it('get one feature each, in the order of their text', async () => {
    expect(await encodeColumn('string', [categories('b', 'a', 'b', 'a')])).toEqual({
      'x=a': [0, 1, 0, 1],
      'x=b': [1, 0, 1, 0],
    })
  })

  it('share "other" when rare, and an unseen one goes there too', async () => {
    const features = await encodeColumn('string', [categories('a', 'a', 'b', 'c'), categories('c', 'new', 'a')])
    expect(features).toEqual({ 'x=a': [0, 0, 1], 'x is other': [1, 1, 0] })
  })

  it('need five rows in a large table to be told from "other"', async () => {
    const large = [
      ...new Array<string>(300).fill('a'),
      ...new Array<string>(5).fill('five'),
      ...new Array<string>(4).fill('four'),
    ]
    const features = await encodeColumn('string', [categories(...large)])
    expect(Object.keys(features)).toEqual(['x=a', 'x=five', 'x is other'])
  })

  it('leave everything at zero for an unseen one when none was rare', async () => {
    const features = await encodeColumn('string', [categories('a', 'b', 'a', 'b'), categories('new', null, 'A')])
    expect(features).toEqual({ 'x=a': [0, 0, 0], 'x=b': [0, 0, 0] })
  })

  it('say when a cell is missing, if training had missing cells', async () => {
    const features = await encodeColumn('string', [categories('a', null, 'a', ''), categories('a', null, '')])
    expect(features).toEqual({ 'x=a': [1, 0, 0], 'x is missing': [0, 1, 1] })
  })

  it('keep the most frequent when there are too many', async () => {
    const features = await encodeColumn('string', [categories('c', 'c', 'c', 'b', 'b', 'a', 'a')], { maxCategories: 2 })
    expect(Object.keys(features)).toEqual(['x=a', 'x=c', 'x is other'])
  })

  it('are found again whatever their characters', async () => {
    const odd = ['a\0b', '\ud800', '𝒳', ' a ', 'ß', '?']
    const features = await encodeColumn('string', [categories(...odd)], { minCategoryRows: 1 })
    const rows = odd.map((_, i) => Object.values(features).reduce((sum, feature) => sum + feature[i]!, 0))
    expect(rows).toEqual([1, 1, 1, 1, 1, 1])
  })

  it('become numbers in ordinal mode: rare and unseen above all others, missing above them', async () => {
    const fitted = categories('b', 'a', 'b', 'a', 'rare')
    const features = await encodeColumn('string', [fitted, categories('a', 'b', 'rare', 'new', null)], {
      categories: 'ordinal',
    })
    expect(features).toEqual({ x: [0, 1, 2, 2, 3] })
  })

  it('give no feature when constant, all rare or all missing', () => {
    for (const [column, reason] of [
      [categories('a', 'a'), 'constant'],
      [categories('a', 'b'), 'no category is frequent enough'],
      [categories(null, null), 'empty'],
    ] as const) {
      const failure = failureOf(() => fitEncoding(aTable({ x: column }), [aColumn('x', 'string')]))
      expect(failure).toMatchObject({ kind: 'invalid', code: 'NO_USABLE_FEATURES' })
      expect(failure.details).toEqual({ dropped: [{ column: 'x', reason }] })
    }
  })
})

function failureOf(call: () => unknown): MlError {
  try {
    call()
  } catch (error) {
    return asFailure(error)
  }
  throw new Error('nothing was thrown')
}
