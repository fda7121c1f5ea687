import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../core/random.ts'
import type { FeatureInfo } from '../../features.ts'
import { dense, numberTarget } from '../testing.ts'
import { fitBoosting } from './gradient-boosting.ts'

const category = (categories: number): FeatureInfo[] => [{ name: 'shop', column: 'shop', kind: 'category', categories }]

/** Rows of `categories` shops in turn; half the shops, drawn at random, sell twice as much. */
function shops(rows: number, categories: number) {
  const random = seededRandom(2)
  const effect = Array.from({ length: categories }, () => (random.next() < 0.5 ? 1 : 2))
  const shop = Array.from({ length: rows }, (_, row) => row % categories)
  const target = numberTarget(shop.map((one) => effect[one]! + random.normal() / 10))
  return { matrix: dense(shop.map((one) => [one])), target, effect }
}

describe('categories', () => {
  it('are divided in one split however they are numbered', async () => {
    const { matrix, target, effect } = shops(4000, 30)
    const model = await fitBoosting({
      matrix,
      target,
      features: category(30),
      hyperparameters: { n_estimators: 1, max_leaves: 2, learning_rate: 1 },
    })
    const [set] = model.ensemble!.trees[0]!.categories
    const sides = effect.map((one, shop) => [one, set!.includes(shop)])
    expect(new Set(sides.map(String)).size).toBe(2)
  })

  it('of which there are few are told apart one by one', async () => {
    const { matrix, target, effect } = shops(400, 3)
    const model = await fitBoosting({ matrix, target, features: category(3), hyperparameters: { learning_rate: 0.5 } })
    const { values } = model.predict(dense([[0], [1], [2]]))
    for (const [shop, value] of values.entries()) expect(value).toBeCloseTo(effect[shop]!, 1)
  })

  it('that training never saw take the way of those that are not named', async () => {
    const { matrix, target } = shops(4000, 30)
    const model = await fitBoosting({ matrix, target, features: category(30) })
    expect(model.predict(dense([[31]])).values[0]).toSatisfy(Number.isFinite)
  })

  it('more than bins are learned as far as they are frequent', async () => {
    const { matrix, target, effect } = shops(40_000, 400)
    const hyperparameters = { n_estimators: 60, learning_rate: 0.3, cat_smooth: 1 }
    const model = await fitBoosting({ matrix, target, features: category(400), hyperparameters })
    const { values } = model.predict(dense(Array.from({ length: 200 }, (_, shop) => [shop])))
    const right = [...values].filter((value, shop) => Math.round(value) === effect[shop]).length
    expect(right).toBe(200)
  })
})
