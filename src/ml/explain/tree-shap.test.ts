import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { enumerateShapley, expectedScore, fixtureModel, randomTree, readFixture } from './testing.ts'
import { explainTrees } from './tree-shap.ts'
import { scoreTrees, type TreeModel } from './trees.ts'

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0)

function explained(model: TreeModel, row: ArrayLike<number>, output = 0): Float64Array {
  const into = new Float64Array(model.width)
  explainTrees(model).explain(row, { offset: 0, output }, into)
  return into
}

function randomModel(seed: number, width: number, depth: number): { model: TreeModel; row: number[] } {
  const random = seededRandom(seed)
  const trees = Array.from({ length: 3 }, () => randomTree(random, width, depth))
  const row = Array.from({ length: width }, () => (random.next() < 0.2 ? Number.NaN : Math.floor(random.next() * 4)))
  return { model: { width, outputs: 1, base: Float64Array.of(0.5), trees }, row }
}

function near(found: Float64Array, expected: readonly number[]): void {
  for (const [j, value] of expected.entries()) expect(found[j]).toBeCloseTo(value, 9)
}

const seeds = fc.integer({ min: 0, max: 2 ** 31 })

describe('explainTrees', () => {
  it.each(['regression', 'binary', 'multiclass', 'forest-regression', 'forest-classes'])(
    'gives what the reference gave on the same trees: %s',
    (name) => {
      const fixture = readFixture(name)
      const model = fixtureModel(fixture)
      const explainer = explainTrees(model)
      fixture.rows.forEach((cells, i) => {
        const row = cells.map((cell) => cell ?? Number.NaN)
        for (let output = 0; output < model.outputs; output++) {
          const found = explained(model, row, output)
          near(found, fixture.contributions[i]![output]!)
          expect(explainer.base[output]).toBeCloseTo(fixture.base[i]![output]!, 9)
        }
      })
    },
  )

  it('gives the Shapley values of the definition', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 9 }), (seed, width, depth) => {
        const { model, row } = randomModel(seed, width, depth)
        const expected = enumerateShapley(width, (known) => expectedScore(model, row, known))
        const found = explained(model, row)
        near(found, expected)
      }),
      { numRuns: 60 },
    )
  })

  it('adds up to the score, also on deep trees that ask about many features', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 60 }), (seed, width, depth) => {
        const { model, row } = randomModel(seed, width, depth)
        const total = explainTrees(model).base[0]! + sum(explained(model, row))
        expect(total).toBeCloseTo(scoreTrees(model, row, { offset: 0, output: 0 }), 8)
      }),
      { numRuns: 60 },
    )
  })

  it('reads the row at its offset and adds to what is there', () => {
    const { model, row } = randomModel(3, 4, 5)
    const into = new Float64Array(4).fill(1)
    explainTrees(model).explain([9, 9, ...row], { offset: 2, output: 0 }, into)
    near(
      into.map((value) => value - 1),
      [...explained(model, row)],
    )
  })

  it('gives a branch that no training row took no weight, and still adds up', () => {
    const { model, row } = randomModel(3, 4, 5)
    const tree = { ...model.trees[0]!, cover: model.trees[0]!.cover.slice() }
    const empty = (node: number) => {
      tree.cover[node] = 0
      if (tree.feature[node]! >= 0) for (const next of [tree.yes[node]!, tree.no[node]!]) empty(next)
    }
    empty(tree.no[0]!)
    tree.cover[0] = tree.cover[tree.yes[0]!]!
    const planted = { ...model, trees: [tree] }
    const total = explainTrees(planted).base[0]! + sum(explained(planted, row))
    expect(total).toBeCloseTo(scoreTrees(planted, row, { offset: 0, output: 0 }), 9)
  })
})
