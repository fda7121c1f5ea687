import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { explainLinear, scoreLinear } from './linear.ts'
import { type Game, shapleyValues } from './shapley.ts'
import { enumerateShapley } from './testing.ts'

type Score = (row: readonly number[]) => number

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0)
const OPTIONS = { seed: 1, evaluations: 400, batch: 64, expired: () => false }

function game(score: Score, row: readonly number[], background: readonly (readonly number[])[]) {
  let asked = 0
  const made: Game = {
    players: row.length,
    empty: Float64Array.from(background, (one) => score(one)),
    full: score(row),
    same: (at, player) => background[at]![player] === row[player],
    evaluate: async (coalitions) => {
      asked += coalitions.length
      return Float64Array.from(coalitions, ({ row: at, members }) =>
        score(row.map((value, j) => (members[j] === 1 ? value : background[at]![j]!))),
      )
    },
  }
  return { made, asked: () => asked }
}

function problem(seed: number, players: number, rows: number) {
  const random = seededRandom(seed)
  const numbers = () => Array.from({ length: players }, () => Math.round(random.normal() * 2))
  const weights = numbers()
  const score: Score = (row) =>
    row.reduce((total, value, j) => total + weights[j]! * value, 0) + row[0]! * row[row.length - 1]! + Math.abs(row[0]!)
  return { score, row: numbers(), background: Array.from({ length: rows }, numbers) }
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 })

describe('shapleyValues', () => {
  it('gives the values of the definition where every coalition can be asked about', async () => {
    await fc.assert(
      fc.asyncProperty(seeds, fc.integer({ min: 1, max: 5 }), async (seed, players) => {
        const { score, row, background } = problem(seed, players, 7)
        const found = await shapleyValues(game(score, row, background).made, OPTIONS)
        const worth = (known: ReadonlySet<number>) =>
          sum(background.map((one) => score(one.map((value, j) => (known.has(j) ? row[j]! : value))))) / 7
        const expected = enumerateShapley(players, worth)
        expect(found.exact).toBe(true)
        for (const [j, value] of expected.entries()) expect(found.contributions[j]).toBeCloseTo(value, 9)
      }),
      { numRuns: 40 },
    )
  })

  it('adds up to the score, however little was asked', async () => {
    await fc.assert(
      fc.asyncProperty(
        seeds,
        fc.integer({ min: 6, max: 40 }),
        fc.integer({ min: 1, max: 30 }),
        async (seed, n, rows) => {
          const { score, row, background } = problem(seed, n, rows)
          const { made } = game(score, row, background)
          const found = await shapleyValues(made, { ...OPTIONS, seed, evaluations: 30 })
          expect(found.base + sum(found.contributions)).toBeCloseTo(score(row), 6)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('comes within its own error of the truth', async () => {
    const { score, row, background } = problem(5, 12, 20)
    const sampled = await shapleyValues(game(score, row, background).made, { ...OPTIONS, evaluations: 3000 })
    const exact = await shapleyValues(game(score, row, background).made, { ...OPTIONS, evaluations: 1e6 })
    expect([sampled.exact, exact.exact]).toEqual([false, true])
    for (const [j, value] of exact.contributions.entries()) {
      expect(Math.abs(sampled.contributions[j]! - value)).toBeLessThan(5 * sampled.errors[j]! + 1e-9)
    }
  })

  it('answers the same question in the same way', async () => {
    const { score, row, background } = problem(9, 10, 20)
    const ask = (seed: number) => shapleyValues(game(score, row, background).made, { ...OPTIONS, seed })
    expect(await ask(3)).toEqual(await ask(3))
    expect((await ask(3)).contributions).not.toEqual((await ask(4)).contributions)
  })

  it('stops when time is up, and keeps to the number of evaluations', async () => {
    const { score, row, background } = problem(9, 10, 20)
    const hurried = game(score, row, background)
    await shapleyValues(hurried.made, { ...OPTIONS, evaluations: 100_000, expired: () => true })
    expect(hurried.asked()).toBeLessThanOrEqual(2 * OPTIONS.batch + 20)
    const limited = game(score, row, background)
    await shapleyValues(limited.made, OPTIONS)
    expect(limited.asked()).toBeLessThanOrEqual(OPTIONS.evaluations + OPTIONS.batch)
  })

  it('gives a player with the same value everywhere nothing', async () => {
    const { score, row, background } = problem(9, 10, 20)
    const same = background.map((one) => one.with(4, row[4]!))
    const found = await shapleyValues(game(score, row, same).made, { ...OPTIONS, evaluations: 2000 })
    expect(found.contributions[4]).toBeCloseTo(0, 12)
    expect(found.errors[4]).toBe(0)
  })
})

describe('explainLinear', () => {
  it('gives what asking about every coalition gives', async () => {
    const { row, background } = problem(2, 4, 6)
    const model = { width: 4, outputs: 2, weights: [1, 2, -3, 0.5, 0, 4, 2, -1], bias: [0.1, 0.2] }
    const score: Score = (values) => scoreLinear(model, values, { offset: 0, output: 1 })
    const expected = await shapleyValues(game(score, row, background).made, OPTIONS)
    const means = row.map((_, j) => sum(background.map((one) => one[j]!)) / background.length)
    const into = new Float64Array(4)
    explainLinear(model, { features: row, means, offset: 0, output: 1 }, into)
    for (const [j, value] of expected.contributions.entries()) expect(into[j]).toBeCloseTo(value, 9)
  })
})
