import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { groupSplit, kFolds, randomSplit, type Split, stratifiedSplit, timeSplit } from './split.ts'

const options = { fraction: 0.2, seed: 42 }
const all = ({ train, test }: Split) => [...train, ...test].sort((a, b) => a - b)
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i)

describe('every split', () => {
  it('parts all rows, each into exactly one side, neither side empty', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 300 }),
        fc.double({ min: 0.01, max: 0.5, noNaN: true }),
        fc.nat(),
        (rows, fraction, seed) => {
          const classes = Int32Array.from({ length: rows }, (_, i) => i % 2)
          const times = Float64Array.from({ length: rows }, (_, i) => ((i * 7919) % 1000) + i / 1e6)
          const splits = [randomSplit(rows, { fraction, seed }), timeSplit(times, fraction)]
          if (rows > 2) splits.push(stratifiedSplit(classes, { fraction, seed }))
          for (const split of splits) {
            expect(all(split)).toEqual(upTo(rows))
            expect(split.train.length).toBeGreaterThan(0)
            expect(split.test.length).toBeGreaterThan(0)
          }
        },
      ),
    )
  })
  it('is the same for the same seed and another for another', () => {
    expect(randomSplit(100, options)).toEqual(randomSplit(100, options))
    expect(randomSplit(100, options).test).not.toEqual(randomSplit(100, { ...options, seed: 43 }).test)
  })
  it('of one row is refused', () => {
    expect(() => randomSplit(1, options)).toThrow(/at least 2/)
    expect(() => timeSplit(new Float64Array(1), 0.2)).toThrow(/at least 2/)
  })
})

describe('a stratified split', () => {
  it('keeps the share of every class', () => {
    const classes = Int32Array.from({ length: 1000 }, (_, i) => (i % 10 === 0 ? 1 : 0))
    const { test } = stratifiedSplit(classes, options)
    expect(test.length).toBe(200)
    expect(test.filter((row) => classes[row] === 1).length).toBe(20)
  })
  it('learns from a class that has a single row', () => {
    const classes = Int32Array.of(0, 0, 0, 0, 0, 1)
    expect([...stratifiedSplit(classes, options).train]).toContain(5)
  })
  it('is refused when no class has two rows', () => {
    expect(() => stratifiedSplit(Int32Array.of(0, 1, 2), options)).toThrow(/one row of each class/)
  })
})

describe('a split by time', () => {
  it('holds out the latest rows', () => {
    const times = Float64Array.of(5, 1, 4, 2, 3)
    expect([...timeSplit(times, 0.4).test]).toEqual([0, 2])
  })
  it('never parts rows of one moment', () => {
    const times = Float64Array.of(1, 2, 3, 3, 3)
    expect([...timeSplit(times, 0.2).test]).toEqual([2, 3, 4])
  })
  it('takes rows without a time as the earliest', () => {
    const times = Float64Array.of(Number.NaN, 2, 3, 4, 5)
    expect([...timeSplit(times, 0.2).train]).toContain(0)
  })
  it('is refused when all rows are of one moment', () => {
    expect(() => timeSplit(Float64Array.of(1, 1, 1), 0.3)).toThrow(/same time/)
  })
})

describe('a split by group', () => {
  it('keeps every group on one side', () => {
    const groups = Int32Array.from({ length: 90 }, (_, i) => i % 9)
    const { train, test } = groupSplit(groups, options)
    const learned = new Set([...train].map((row) => groups[row]))
    expect([...test].some((row) => learned.has(groups[row]))).toBe(false)
  })
  it('is refused for one group', () => {
    expect(() => groupSplit(new Int32Array(5), options)).toThrow(/one group/)
  })
})

describe('folds', () => {
  it('hold out every row exactly once, with the share of every class', () => {
    const classes = Int32Array.from({ length: 100 }, (_, i) => (i < 20 ? 1 : 0))
    const folds = kFolds(classes, 5, 1)
    expect(folds.flatMap(({ test }) => [...test]).sort((a, b) => a - b)).toEqual(upTo(100))
    for (const { test } of folds) expect(test.filter((row) => classes[row] === 1).length).toBe(4)
  })
  it('need as many rows', () => expect(() => kFolds(3, 5, 1)).toThrow(/at least 5/))
})
