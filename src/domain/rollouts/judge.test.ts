import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { type Histogram, HistogramRecorder } from '../../ml/statistics/index.ts'
import type { ArmFigures, ArmQuality } from './figures.ts'
import { findBreach, isBaked } from './judge.ts'

function latency(count: number, medianMs: number, seed = 1): Histogram {
  const random = seededRandom(seed)
  const recorder = new HistogramRecorder()
  for (let i = 0; i < count; i++) recorder.record(medianMs * Math.exp(random.normal() / 4))
  return recorder.toJSON()
}

const arm = (requests: number, errors = 0, more: Partial<ArmFigures> = {}): ArmFigures => ({
  requests,
  errors,
  latency: latency(requests - errors, 10),
  quality: undefined,
  ...more,
})
const right = (hits: number, of: number): ArmQuality => ({ metric: 'accuracy', hits, of })
const off = (count: number, mean: number): ArmQuality => ({
  metric: 'mean_absolute_error',
  count,
  mean,
  variance: mean,
})

describe('a canary', () => {
  it.each([
    ['fails', arm(1000), arm(100, 30), /^30 % of 100 requests failed, more than 5 %; beside it 0 %$/],
    ['fails though the other is hardly asked', arm(0), arm(100, 30), /^30 % of 100 requests failed, more than 5 %$/],
    [
      'is slow',
      arm(500),
      arm(500, 0, { latency: latency(500, 40) }),
      /^the median of its latency is 4\d ms, more than 2/,
    ],
    [
      'has a long tail',
      arm(5000),
      arm(5000, 0, { latency: { ...latency(4000, 10), 140: 1000 } }),
      /^the 95th percentile of its latency is/,
    ],
    [
      'is wrong more often',
      arm(1000, 0, { quality: right(900, 1000) }),
      arm(1000, 0, { quality: right(700, 1000) }),
      /^70 % of 1000 predictions were right, fewer than 90 % of 1000$/,
    ],
    [
      'is further off',
      arm(1000, 0, { quality: off(1000, 1) }),
      arm(1000, 0, { quality: off(1000, 1.5) }),
      /^its predictions are off by 1.5 on average, more than 1$/,
    ],
  ])('that %s is found out', (_, champion, challenger, words) => {
    expect(findBreach({ champion, challenger }, {})).toMatch(words)
  })

  it.each([
    ['is asked too little', arm(1000), arm(19, 19)],
    ['fails where the other fails too', arm(1000, 300), arm(100, 35)],
    ['fails now and then', arm(1000), arm(100, 5)],
    [
      'is slower by less than a millisecond',
      arm(900, 0, { latency: latency(900, 0.1) }),
      arm(900, 0, { latency: latency(900, 0.6) }),
    ],
    ['is as slow', arm(900), arm(900, 0, { latency: latency(900, 11, 2) })],
    ['is right as often', arm(99, 0, { quality: right(90, 99) }), arm(99, 0, { quality: right(87, 99) })],
    ['is better', arm(900, 0, { quality: off(900, 1.5) }), arm(900, 0, { quality: off(900, 1) })],
  ])('that %s is left alone', (_, champion, challenger) => {
    expect(findBreach({ champion, challenger }, {})).toBeUndefined()
  })

  it('may be as bad as its limits allow', () => {
    const arms = {
      champion: arm(1000, 0, { quality: right(900, 1000) }),
      challenger: arm(1000, 90, { quality: right(820, 1000) }),
    }
    expect(findBreach(arms, { max_error_rate: 0.1, max_quality_drop: 0.1 })).toBeUndefined()
    expect(findBreach(arms, { max_error_rate: 0.1, max_quality_drop: 0 })).toContain('fewer than 90 %')
    expect(findBreach(arms, { max_error_rate: 0.05 })).toContain('failed')
    expect(findBreach(arms, { max_error_rate: 0.1, max_quality_drop: 1, min_quality: 0.9 })).toBe(
      '82 % of 1000 predictions were right, less than 90 %',
    )
  })

  it('has baked after its time, counted from when it was loaded or changed, and its requests', () => {
    const [readyAt, stageAt] = [new Date(60_000), new Date(0)]
    const baking = { readyAt, stageAt, bakeSeconds: 10, minRequests: 20 }
    expect(isBaked(baking, 20, new Date(69_999))).toBe(false)
    expect(isBaked(baking, 19, new Date(99_000))).toBe(false)
    expect(isBaked(baking, 20, new Date(70_000))).toBe(true)
    expect(isBaked({ ...baking, stageAt: new Date(65_000) }, 20, new Date(70_000))).toBe(false)
  })
})
