import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldsByTime, foldsGrouped, foldsShuffled, foldsStratified } from './folds.ts'
import { splitByTime, splitGrouped, splitShuffled, splitStratified } from './hold-out.ts'
import type { Split } from './parts.ts'

const fractions = fc.double({ min: 0.01, max: 0.99, noNaN: true })
const seeds = fc.nat()
/** At least two classes, each with at least two rows. */
const labelled = fc
  .array(fc.integer({ min: 2, max: 30 }), { minLength: 2, maxLength: 8 })
  .map((sizes) => Int32Array.from(sizes.flatMap((size, k) => new Array<number>(size).fill(k))))

function everyRowOnce({ train, test }: Split, rows: number): void {
  expect(Array.from([...train, ...test]).sort((a, b) => a - b)).toEqual(Array.from({ length: rows }, (_, row) => row))
}

const rising = (rows: Uint32Array) => rows.every((row, i) => i === 0 || row > rows[i - 1]!)
const share = (rows: number, fraction: number) => Math.min(rows - 1, Math.max(1, Math.round(rows * fraction)))
const impossible = expect.objectContaining({ kind: 'invalid', code: 'SPLIT_IMPOSSIBLE' })

describe('a shuffled split', () => {
  it('holds out the asked share and has every row once, in rising order', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 300 }), fractions, seeds, (rows, fraction, seed) => {
        const split = splitShuffled(rows, { fraction, seed })
        everyRowOnce(split, rows)
        expect(split.test.length).toBe(share(rows, fraction))
        expect(rising(split.train) && rising(split.test)).toBe(true)
      }),
    )
  })

  it('is the same for the same seed and another for another', () => {
    const of = (seed: number) => [...splitShuffled(1000, { fraction: 0.2, seed }).test]
    expect(of(1)).toEqual(of(1))
    expect(of(1)).not.toEqual(of(2))
  })

  it('never changes: stored models name their seed', () => {
    expect([...splitShuffled(20, { fraction: 0.25, seed: 42 }).test]).toMatchInlineSnapshot(`
      [
        5,
        9,
        11,
        16,
        17,
      ]
    `)
  })

  it.each([0, 1])('refuses %i rows', (rows) => {
    expect(() => splitShuffled(rows, { fraction: 0.2, seed: 1 })).toThrow(impossible)
    expect(() => splitShuffled(rows, { fraction: 0.2, seed: 1 })).toThrow(/at least two are needed/)
  })
})

describe('a stratified split', () => {
  it('holds out the asked share of all rows', () => {
    fc.assert(
      fc.property(labelled, fractions, seeds, (labels, fraction, seed) => {
        const split = splitStratified(labels, { fraction, seed })
        everyRowOnce(split, labels.length)
        // Every class keeps a row to learn from, which may leave fewer to hold out.
        const most = labels.length - new Set(labels).size
        expect(split.test.length).toBe(Math.min(most, share(labels.length, fraction)))
      }),
    )
  })

  it('takes from large classes what small ones cannot give', () => {
    const labels = Int32Array.from([2, 2, 2, 2, 30].flatMap((size, k) => new Array<number>(size).fill(k)))
    expect(splitStratified(labels, { fraction: 0.9, seed: 1 }).test.length).toBe(33)
  })

  it('learns from every class, and judges every class where the held-out rows suffice', () => {
    fc.assert(
      fc.property(labelled, fractions, seeds, (labels, fraction, seed) => {
        const { train, test } = splitStratified(labels, { fraction, seed })
        const classes = new Set(labels).size
        expect(new Set(Array.from(train, (row) => labels[row]))).toHaveProperty('size', classes)
        const judged = new Set(Array.from(test, (row) => labels[row])).size
        expect(judged).toBe(Math.min(classes, test.length))
      }),
    )
  })

  it('keeps the shares of large classes to within a row', () => {
    const labels = Int32Array.from({ length: 1000 }, (_, row) => (row % 10 < 7 ? 0 : row % 10 < 9 ? 1 : 2))
    const { test } = splitStratified(labels, { fraction: 0.25, seed: 3 })
    const counts = [0, 1, 2].map((k) => test.filter((row) => labels[row] === k).length)
    expect(counts).toEqual([175, 50, 25])
  })

  it('names a class of one row and what to do about it', () => {
    const attempt = () =>
      splitStratified(Int32Array.of(0, 0, 1, 0), { fraction: 0.5, seed: 1, classes: ['ham', 'spam'] })
    expect(attempt).toThrow(impossible)
    expect(attempt).toThrow('Class "spam" has only one row: at least 2 are needed: add rows of it, or leave it out')
  })

  it('refuses a single class', () => {
    const attempt = () => splitStratified(new Int32Array(10), { fraction: 0.5, seed: 1 })
    expect(attempt).toThrow(impossible)
    expect(attempt).toThrow(/add rows of another class/)
  })

  it.each([0, 1, -0.5, Number.NaN])('refuses a share of %f', (fraction) => {
    expect(() => splitStratified(Int32Array.of(0, 0, 1, 1), { fraction, seed: 1 })).toThrow(impossible)
  })
})

describe('a split by time', () => {
  it('holds out nothing that is older than what is learned from', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 2 }), fractions, (times, fraction) => {
        fc.pre(new Set(times).size > 1)
        const split = splitByTime(Float64Array.from(times), fraction)
        everyRowOnce(split, times.length)
        expect(split.test.length).toBeGreaterThan(0)
        const latest = Math.max(...Array.from(split.train, (row) => times[row]!))
        const earliest = Math.min(...Array.from(split.test, (row) => times[row]!))
        expect(latest).toBeLessThan(earliest)
      }),
    )
  })

  it('holds out exactly the share where times differ', () => {
    const { test } = splitByTime(Float64Array.of(5, 1, 4, 2, 3), 0.4)
    expect([...test]).toEqual([0, 2])
  })

  it('counts a missing time as the earliest', () => {
    const { test } = splitByTime(Float64Array.of(Number.NaN, 1, 2, Number.NaN), 0.25)
    expect([...test]).toEqual([2])
  })

  it('refuses rows of one and the same time', () => {
    expect(() => splitByTime(new Float64Array(5).fill(7), 0.4)).toThrow(/choose another time column/)
  })
})

describe('a grouped split', () => {
  it('never parts a group, and never takes all', () => {
    fc.assert(
      fc.property(labelled, fractions, seeds, (groups, fraction, seed) => {
        const split = splitGrouped(groups, { fraction, seed })
        everyRowOnce(split, groups.length)
        const learned = new Set(Array.from(split.train, (row) => groups[row]))
        expect(split.test.length).toBeGreaterThan(0)
        expect(learned.size).toBeGreaterThan(0)
        expect(split.test.some((row) => learned.has(groups[row]))).toBe(false)
      }),
    )
  })

  it('comes near the share with many groups', () => {
    const groups = Int32Array.from({ length: 1000 }, (_, row) => row % 100)
    expect(splitGrouped(groups, { fraction: 0.2, seed: 1 }).test.length).toBe(200)
  })

  it.each([1, 2, 3, 4, 5, 6])('does not hold out most rows because they are of one group: seed %i', (seed) => {
    const groups = Int32Array.from({ length: 100 }, (_, row) => Number(row < 10))
    expect(splitGrouped(groups, { fraction: 0.2, seed }).test.length).toBe(10)
  })

  it('refuses a single group', () => {
    expect(() => splitGrouped(new Int32Array(9), { fraction: 0.2, seed: 1 })).toThrow(/choose another group column/)
  })
})

describe('folds', () => {
  const counts = fc.integer({ min: 2, max: 7 })

  it('hold out every row exactly once', () => {
    fc.assert(
      fc.property(fc.integer({ min: 7, max: 100 }), counts, seeds, (rows, folds, seed) => {
        const splits = foldsShuffled(rows, { folds, seed })
        for (const split of splits) everyRowOnce(split, rows)
        const held = splits.flatMap(({ test }) => [...test]).sort((a, b) => a - b)
        expect(held).toEqual(Array.from({ length: rows }, (_, row) => row))
        const sizes = splits.map(({ test }) => test.length)
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      }),
    )
  })

  it('spread every class evenly', () => {
    fc.assert(
      fc.property(labelled, counts, seeds, (labels, folds, seed) => {
        fc.pre(labels.length >= folds)
        const splits = foldsStratified(labels, { folds, seed })
        for (const k of new Set(labels)) {
          const of = splits.map(({ test }) => test.filter((row) => labels[row] === k).length)
          expect(Math.max(...of) - Math.min(...of)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })

  it('refuse more folds than rows', () => {
    expect(() => foldsShuffled(3, { folds: 4, seed: 1 })).toThrow(/3 rows cannot make 4 folds/)
  })

  it('name a class of one row', () => {
    expect(() => foldsStratified(Int32Array.of(0, 0, 1), { folds: 2, seed: 1 })).toThrow(
      /Class number 1 has only one row/,
    )
  })

  it('of groups never part one, and hold out every row once', () => {
    fc.assert(
      fc.property(labelled, counts, seeds, (groups, folds, seed) => {
        fc.pre(new Set(groups).size >= folds)
        const splits = foldsGrouped(groups, { folds, seed })
        for (const { train, test } of splits) {
          const learned = new Set(Array.from(train, (row) => groups[row]))
          expect(test.length).toBeGreaterThan(0)
          expect(test.some((row) => learned.has(groups[row]))).toBe(false)
        }
        const held = splits.flatMap(({ test }) => [...test]).sort((a, b) => a - b)
        expect(held).toEqual(Array.from({ length: groups.length }, (_, row) => row))
      }),
    )
  })

  it('of many groups are about equal', () => {
    const groups = Int32Array.from({ length: 1000 }, (_, row) => row % 90)
    const sizes = foldsGrouped(groups, { folds: 4, seed: 1 }).map(({ test }) => test.length)
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(30)
  })

  it('refuse fewer groups than folds', () => {
    expect(() => foldsGrouped(Int32Array.of(0, 0, 1, 1), { folds: 3, seed: 1 })).toThrow(/2 groups cannot make 3 folds/)
  })

  it('in time are judged on what comes after all they learned from', () => {
    const times = fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 60, maxLength: 120 })
    fc.assert(
      fc.property(times, counts, (values, folds) => {
        fc.pre(new Set(values).size > 50)
        const splits = foldsByTime(Float64Array.from(values), folds)
        expect(splits).toHaveLength(folds)
        for (const { train, test } of splits) {
          const latest = Math.max(...Array.from(train, (row) => values[row]!))
          expect(Math.min(...Array.from(test, (row) => values[row]!))).toBeGreaterThan(latest)
          expect(rising(train) && rising(test)).toBe(true)
        }
        expect(splits.at(-1)!.train.length + splits.at(-1)!.test.length).toBe(values.length)
      }),
    )
  })

  it('in time are made wherever times suffice, however unequal their rows', () => {
    const years = [1, 2, 1, 3, 2, 1, 40].flatMap((rows, year) => new Array<number>(rows).fill(2018 + year))
    const of = (values: readonly number[]) =>
      foldsByTime(Float64Array.from(values), 5).map(({ test }) => [...new Set(Array.from(test, (row) => values[row]))])
    expect(of(years)).toEqual([[2020], [2021], [2022], [2023], [2024]])
    const early = [40, 1, 2, 1, 3, 2, 1].flatMap((rows, year) => new Array<number>(rows).fill(2018 + year))
    expect(of(early)).toEqual([[2019], [2020], [2021], [2022], [2023, 2024]])
  })

  it('refuse too few different times', () => {
    expect(() => foldsByTime(Float64Array.of(1, 1, 1, 2, 2, 2), 2)).toThrow(/too few different times/)
  })
})
