import fc from 'fast-check'
import { expect, it } from 'vitest'
import { factorsOf, type Judgement } from './factors.ts'
import { drawnToPopulation } from './population.ts'

const chance = fc.double({ min: 0.001, max: 0.999, noNaN: true })
const said = fc.double({ min: -5, max: 5, noNaN: true })
const judgement = (space: Judgement['space']) =>
  fc.record({
    chance,
    space: fc.constant(space),
    contributions: said.map((one) => new Map([['interest_overlap', one]])),
  })
const spaces = fc.constantFrom<Judgement['space']>('log_odds', 'probability')

it('a pair of which nothing is known is answered like all pairs, by every factor', () => {
  fc.assert(
    fc.property(spaces.chain(judgement), chance, (empty, share) => {
      const drawn = drawnToPopulation(empty, 1, { share, empty })
      expect(drawn.chance).toBeCloseTo(share, 6)
      for (const factor of Object.values(factorsOf(drawn))) expect(factor).toBeCloseTo(share, 6)
    }),
  )
})

it('a pair of which all is known is answered by the model', () => {
  fc.assert(
    fc.property(
      spaces.chain((space) => fc.tuple(judgement(space), judgement(space))),
      chance,
      ([own, empty], share) => {
        expect(drawnToPopulation(own, 0, { share, empty })).toEqual(own)
      },
    ),
  )
})

it('the less is known the nearer to all pairs, and better pairs stay better', () => {
  fc.assert(
    fc.property(
      judgement('log_odds'),
      judgement('log_odds'),
      chance,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (own, empty, share, unknown) => {
        const drawn = drawnToPopulation(own, unknown, { share, empty }).chance
        expect(drawn).toBeGreaterThanOrEqual(0)
        expect(drawn).toBeLessThanOrEqual(1)
        const better = drawnToPopulation({ ...own, chance: own.chance + 0.0005 }, unknown, { share, empty }).chance
        expect(better).toBeGreaterThanOrEqual(drawn)
      },
    ),
  )
})
