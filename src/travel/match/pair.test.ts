// Pairs, the prior and what is read off them: for whoever, whatever is known of them.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { confidenceOf } from './confidence.ts'
import { factorsOf } from './factors.ts'
import { NO_JOURNEY, readJourney } from './journey.ts'
import { PAIR_FEATURES, pairOf } from './pair.ts'
import { personOf } from './person.ts'
import { judgeByPrior } from './prior.ts'

const words = fc.uniqueArray(fc.constantFrom('art', 'Food', ' food', 'hiking', 'wine', 'sea', ''), { maxLength: 6 })
const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined })
const share = fc.double({ min: 0, max: 1, noNaN: true })
const day = fc.integer({ min: 0, max: 400 }).map((days) => new Date(days * 86_400_000).toISOString())

/** Features as a store may hold them, right and wrong. */
const someone = fc.record(
  {
    interests: fc.oneof(words, fc.constant('art')),
    travel_style: words,
    personality: fc.oneof(fc.array(share, { minLength: 5, maxLength: 5 }), fc.array(fc.double(), { maxLength: 6 })),
    budget: fc.constantFrom('low', 'medium', 'HIGH', 'none'),
    pace: fc.oneof(share, fc.double(), fc.constant('fast')),
    available_from: fc.oneof(day, fc.constant('soon')),
    available_to: day,
    home_country: fc.constantFrom('IT', 'it', 'NO', ''),
  },
  { requiredKeys: [] },
)
const journey = maybe(fc.record({ interests: words, dates: fc.constantFrom('1970-02-01', '1970-01-10/1970-03-20') }))

describe('a pair', () => {
  it('is the same to the last bit whichever of the two is named first', () => {
    fc.assert(
      fc.property(someone, someone, journey, (a, b, context) => {
        const where = readJourney(context, { tags: ['sea', 'wine'] })
        const [first, second] = [personOf(a as never), personOf(b as never)]
        const pair = pairOf(first, second, where)
        expect(pairOf(second, first, where)).toEqual(pair)
        const ofBoth = PAIR_FEATURES.filter(({ factor }) => factor !== undefined)
        expect(Object.keys(pair).sort()).toEqual(ofBoth.map(({ name }) => name).sort())
        for (const value of Object.values(pair)) expect(value === null || (value >= 0 && value <= 2)).toBe(true)
      }),
    )
  })

  it('has a score, factors and a confidence within 0 and 1', () => {
    fc.assert(
      fc.property(someone, someone, journey, (a, b, context) => {
        const pair = pairOf(personOf(a as never), personOf(b as never), readJourney(context))
        const judgement = judgeByPrior(pair)
        const figures = [judgement.chance, confidenceOf(pair), ...Object.values(factorsOf(judgement))]
        for (const value of figures) expect(value >= 0 && value <= 1).toBe(true)
      }),
    )
  })

  it('is trusted less for everything that is not known of one of the two', () => {
    fc.assert(
      fc.property(someone, someone, fc.constantFrom('interests', 'personality', 'pace'), (a, b, gone) => {
        const whole = confidenceOf(pairOf(personOf(a as never), personOf(b as never), NO_JOURNEY))
        const without = { ...a, [gone]: null }
        const less = confidenceOf(pairOf(personOf(without as never), personOf(b as never), NO_JOURNEY))
        expect(less).toBeLessThanOrEqual(whole)
      }),
    )
    const known = { interests: ['art'], travel_style: ['calm'], pace: 0.5 }
    const [both, one] = [known, {}].map((other) => pairOf(personOf(known), personOf(other), NO_JOURNEY))
    expect(confidenceOf(one!)).toBeLessThan(confidenceOf(both!))
    expect(confidenceOf(one!)).toBeLessThan(0.1)
  })

  it('counts words in one spelling, and values that cannot be as not known', () => {
    const [a, b] = [{ interests: ['Food ', 'art'] }, { interests: ['food'] }].map(personOf)
    expect(pairOf(a!, b!, NO_JOURNEY).interest_overlap).toBe(0.5)
    const poisoned = { personality: [0, 1, 2, 0, 0], pace: Number.NaN, budget: 3, interests: 'art' } as never
    expect(Object.values(personOf(poisoned)).every((value) => value === undefined)).toBe(true)
    const backwards = personOf({ available_from: '2025-02-01', available_to: '2025-01-01' })
    expect(backwards.available).toBeUndefined()
  })

  it('takes the dates of the journey into account', () => {
    const [a, b] = [
      { available_from: '2025-01-01', available_to: '2025-01-10' },
      { available_from: '2025-01-06', available_to: '2025-01-20' },
    ].map(personOf)
    expect(pairOf(a!, b!, NO_JOURNEY).date_overlap).toBe(0.5)
    expect(pairOf(a!, b!, readJourney({ dates: '2025-01-06/2025-01-10' })).date_overlap).toBe(1)
    expect(pairOf(a!, b!, readJourney({ dates: '2025-01-15' })).date_overlap).toBe(0)
  })
})

describe('the model of a pair', () => {
  const pair = pairOf(
    personOf({ pace: 0.5, interests: ['art'] }),
    personOf({ pace: 0.6, interests: ['sea'] }),
    NO_JOURNEY,
  )
  const inputs = [{ name: 'pace_likeness', min: 0.8, max: 1 }]

  it('is trusted more the more examples it was trained on', () => {
    const known = personOf({ interests: ['art'], travel_style: ['slow'], budget: 'low', pace: 0.5 })
    const whole = pairOf(known, known, NO_JOURNEY)
    const columns = ['interest_overlap', 'style_overlap', 'budget_likeness', 'pace_likeness'].map((name) => ({ name }))
    const by = [0, 100, 10_000].map((examples) => confidenceOf(whole, { inputs: columns, examples }))
    expect(by).toEqual([...by].sort((a, b) => a - b))
    expect(by[2]).toBeGreaterThan(0.9)
  })

  it('is not trusted where it looks at next to nothing', () => {
    const opinions = [{ name: 'wanted_level' }, { name: 'wanted_least' }]
    const known = { wanted_level: 0.5, wanted_least: 0.4 }
    expect(confidenceOf(known, { inputs: opinions, examples: 10_000 })).toBeLessThan(0.1)
  })

  it('is not trusted beyond what it has seen', () => {
    const examples = 1000
    const seen = confidenceOf(pair, { inputs, examples })
    expect(confidenceOf(pair, { inputs: [{ ...inputs[0]!, min: 0.95 }], examples })).toBeLessThan(seen)
  })
})

describe('factors', () => {
  it('hold all that moved the score: their log odds add up to it', () => {
    fc.assert(
      fc.property(someone, someone, (a, b) => {
        const judgement = judgeByPrior(pairOf(personOf(a as never), personOf(b as never), NO_JOURNEY))
        const logit = (p: number) => Math.log(p / (1 - p))
        const average = judgeByPrior(pairOf(personOf({}), personOf({}), NO_JOURNEY)).chance
        const moved = Object.values(factorsOf(judgement)).map((factor) => logit(factor) - logit(average))
        const sum = moved.reduce((x, y) => x + y, 0)
        expect(sum).toBeCloseTo(logit(judgement.chance) - logit(average), 9)
      }),
    )
  })

  it('of what nothing is known stay at the average', () => {
    const average = judgeByPrior(pairOf(personOf({}), personOf({}), NO_JOURNEY)).chance
    const likers = personOf({ interests: ['art'] })
    const { interest_overlap, travel_style, personality } = factorsOf(judgeByPrior(pairOf(likers, likers, NO_JOURNEY)))
    expect(interest_overlap).toBeGreaterThan(average)
    expect(travel_style).toBeCloseTo(average, 12)
    expect(personality).toBeCloseTo(average, 12)
  })

  it('are read in chances where the explanation is', () => {
    const contributions = new Map([
      ['pace_likeness', 0.2],
      ['personality_likeness', -0.3],
      ['something_else', 0.1],
    ])
    const { interest_overlap, travel_style, personality } = factorsOf({
      chance: 0.5,
      space: 'probability',
      contributions,
    })
    expect(interest_overlap).toBeCloseTo(0.5)
    expect(travel_style).toBeCloseTo(0.7)
    expect(personality).toBeCloseTo(0.2)
  })
})

describe('dates of a journey', () => {
  it.each(['2025-02-30', '2025-13-01', 'soon', '2025-03-02/2025-03-01', '2025-03-01/2025-03-02/2025-03-03', ''])(
    'that cannot be are refused: %s',
    (dates) => {
      expect(() => readJourney({ dates })).toThrowError(/context\.dates/)
    },
  )
  it.each(['2024-02-29', '2025-03-01/2025-03-02', '2025-03-01 to 2025-03-02', '2025-03-01T10:00:00Z'])(
    'are read: %s',
    (dates) => {
      expect(readJourney({ dates }).days).toBeDefined()
    },
  )
})
