import { describe, expect, it } from 'vitest'
import { addDifferences, addPair, distance, NO_DIFFERENCE, type Pair } from './differences.ts'

const AT = new Date('2026-01-01T00:00:00Z')
const pair = (champion: Pair['champion'], challenger: Pair['challenger'], input: unknown = { x: 1 }): Pair => ({
  input,
  champion,
  challenger,
})
const classes = (a: number) => ({ prediction: a > 0.5 ? 'a' : 'b', confidence: a, probabilities: { a, b: 1 - a } })

describe('the distance of two answers', () => {
  it('is the largest difference of a probability, a class that one does not know counting as 0', () => {
    expect(distance({ champion: classes(0.9), challenger: classes(0.7) })).toBeCloseTo(0.2, 12)
    const other = { prediction: 'c', confidence: 0.6, probabilities: { b: 0.4, c: 0.6 } }
    expect(distance({ champion: classes(0.9), challenger: other })).toBeCloseTo(0.9, 12)
  })

  it('is the difference of two numbers, and unknown between labels alone', () => {
    expect(distance({ champion: { prediction: 3 }, challenger: { prediction: 1 } })).toBe(2)
    expect(distance({ champion: { prediction: 'a' }, challenger: { prediction: 'b' } })).toBeNull()
  })
})

describe('differences', () => {
  it('are added up row by row', () => {
    const pairs = [pair(classes(0.9), classes(0.8)), pair(classes(0.6), classes(0.4)), pair(classes(0.9), classes(0.9))]
    const sum = pairs.reduce((total, one) => addPair(total, one, AT), NO_DIFFERENCE)
    expect(sum).toMatchObject({ rows: 3, disagreements: 1, measured: 3 })
    expect(sum.sum).toBeCloseTo(0.3, 12)
    expect(sum.max).toBeCloseTo(0.2, 12)
    expect(sum.examples.map(({ champion, challenger }) => [champion, challenger])).toEqual([
      ['a', 'b'],
      ['a', 'a'],
    ])
  })

  it('take numbers that differ by rounding for the same', () => {
    const same = addPair(NO_DIFFERENCE, pair({ prediction: 0.1 + 0.2 }, { prediction: 0.3 }), AT)
    expect(same).toMatchObject({ rows: 1, disagreements: 0, examples: [] })
    expect(addPair(NO_DIFFERENCE, pair({ prediction: 1 }, { prediction: 2 }), AT).disagreements).toBe(1)
  })

  it('keep the ten rows that differ most, of all replicas', () => {
    const many = (from: number) =>
      Array.from({ length: 20 }, (_, i) => pair({ prediction: 0 }, { prediction: from + i }, { i: from + i })).reduce(
        (total, one) => addPair(total, one, AT),
        NO_DIFFERENCE,
      )
    const sum = addDifferences([many(1), many(100)])
    expect(sum).toMatchObject({ rows: 40, disagreements: 40, max: 119 })
    expect(sum.examples.map(({ difference }) => difference)).toEqual([119, 118, 117, 116, 115, 114, 113, 112, 111, 110])
  })
})
