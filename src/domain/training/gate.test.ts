import { describe, expect, it } from 'vitest'
import { decideGate, gateReport } from './gate.ts'

const f1 = (value: number) => ({ name: 'f1', value, greaterIsBetter: true })
const live = (value: number) => ({ version: '1.0.0', value })

describe('the gate', () => {
  const rmse = (value: number) => ({ name: 'rmse', value, greaterIsBetter: false })

  it('lets the first version through', () => {
    expect(decideGate(f1(0.1), undefined, { min_improvement: 0.5 })).toEqual({ promote: true, reason: 'first version' })
  })

  it.each([
    ['better', f1(0.81), live(0.8), 0, true],
    ['equal', f1(0.8), live(0.8), 0, false],
    ['worse', f1(0.79), live(0.8), 0, false],
    ['better by the margin exactly', f1(0.75), live(0.5), 0.25, false],
    ['better by more than the margin', f1(0.76), live(0.5), 0.25, true],
    ['better where less is better', rmse(1.9), live(2), 0, true],
    ['equal where less is better', rmse(2), live(2), 0, false],
    ['worse where less is better', rmse(2.1), live(2), 0, false],
    ['better by too little where less is better', rmse(1.75), live(2), 0.25, false],
  ])('decides on a version that is %s', (_, metric, champion, margin, promote) => {
    expect(decideGate(metric, champion, { min_improvement: margin }).promote).toBe(promote)
  })

  it('says with which figures it decided', () => {
    expect(decideGate(f1(0.812345), live(0.8), { min_improvement: 0 }).reason).toBe(
      'f1 0.81234 against 0.80000 of 1.0.0, on the same held-out rows',
    )
    expect(decideGate(f1(0.5), live(0.8), { min_improvement: 0.1 }).reason).toContain('not better by more than 0.1')
  })

  it('does not promote what cannot be compared', () => {
    const decision = decideGate(
      f1(1),
      { version: '1.0.0', incomparable: 'the dataset lacks its input' },
      { min_improvement: 0 },
    )
    expect(decision).toEqual({
      promote: false,
      reason: 'cannot be compared with 1.0.0: the dataset lacks its input',
    })
  })
})

describe('the gate that demands significance', () => {
  const decide = (low: number, high: number, min_improvement = 0) =>
    decideGate(
      f1(0.812),
      { ...live(0.8), difference: { difference: 0.012, low, high, level: 0.95 } },
      { min_improvement, require_significance: 0.95 },
    )

  it.each([
    ['lies above 0', 0.003, 0.021, 0, true],
    ['begins at 0', 0, 0.021, 0, false],
    ['begins below 0', -0.001, 0.021, 0, false],
    ['lies above the margin', 0.003, 0.021, 0.002, true],
    ['begins at the margin', 0.003, 0.021, 0.003, false],
    ['contains the margin', 0.003, 0.021, 0.01, false],
  ])('decides on an interval that %s', (_, low, high, margin, promote) => {
    expect(decide(low, high, margin).promote).toBe(promote)
  })

  it('says by how much it is better, and how sure that is', () => {
    expect(decide(0.003, 0.021).reason).toBe(
      'better by 0.012 (95 % interval 0.003–0.021): f1 0.81200 against 0.80000 of 1.0.0, on the same held-out rows',
    )
    expect(decide(-0.001, 0.021).reason).toContain(
      'not surely better: better by 0.012 (95 % interval -0.001 to 0.021): f1',
    )
    expect(decide(0.003, 0.021, 0.01).reason).toContain('not surely better by more than 0.01: ')
  })

  it('lets the first version through', () => {
    const rule = { min_improvement: 0, require_significance: 0.99 }
    expect(decideGate(f1(0.1), undefined, rule).promote).toBe(true)
  })

  it('does not promote where nothing can be said', () => {
    const decision = decideGate(f1(1), live(0), { min_improvement: 0, require_significance: 0.95 })
    expect(decision.promote).toBe(false)
    expect(decision.reason).toContain('evaluation.test_fraction')
  })

  it('does not promote what is worse for sure', () => {
    const worse = { ...live(0.9), difference: { difference: -0.1, low: -0.15, high: -0.05, level: 0.95 } }
    const { promote, reason } = decideGate(f1(0.8), worse, { min_improvement: 0, require_significance: 0.95 })
    expect(promote).toBe(false)
    expect(reason).toContain('not better (difference -0.1)')
  })
})

describe('the record of a decision', () => {
  it('has the figures of both', () => {
    const decision = { promote: false, reason: 'because' }
    const difference = { difference: -0.1, low: -0.2, high: 0, level: 0.9 }
    expect(gateReport(decision, f1(0.7), { ...live(0.8), difference })).toEqual({
      promote: false,
      reason: 'because',
      metric: 'f1',
      value: 0.7,
      champion: '1.0.0',
      champion_value: 0.8,
      difference,
    })
    expect(gateReport(decision, f1(0.7), undefined)).toMatchObject({ champion: null, champion_value: null })
  })
})
