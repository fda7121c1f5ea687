// Reference figures come from scikit-learn 1.9 on the arrays printed here; ranking figures also from counting pairs.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { averagePrecision, evaluateClassification, evaluateRegression, greaterIsBetter, rocAuc } from './index.ts'

const binary = {
  actual: Int32Array.of(0, 0, 1, 1, 1, 0),
  probabilities: Float64Array.of(0.9, 0.1, 0.4, 0.6, 0.35, 0.65, 0.2, 0.8, 0.7, 0.3, 0.5, 0.5),
  classes: ['0', '1'],
}

describe('a binary classifier', () => {
  const { metrics, confusion } = evaluateClassification(binary)
  it('is counted', () =>
    expect(confusion).toEqual([
      [2, 1],
      [1, 2],
    ]))
  it('is measured on its positive class', () => {
    expect(metrics.accuracy).toBeCloseTo(4 / 6, 12)
    expect(metrics.precision).toBeCloseTo(2 / 3, 12)
    expect(metrics.recall).toBeCloseTo(2 / 3, 12)
    expect(metrics.f1).toBeCloseTo(2 / 3, 12)
  })
  it('is measured by its order', () => {
    // Pairs (positive, negative): 0.65 beats 0.1, 0.6, 0.5; 0.8 beats all; 0.3 beats 0.1 only: 7 of 9.
    expect(metrics.roc_auc).toBeCloseTo(7 / 9, 12)
    // Falling: 0.8+ 0.65+ 0.6- 0.5- 0.3+ 0.1-: (1/1 + 2/2 + 3/5) / 3.
    expect(metrics.pr_auc).toBeCloseTo(2.6 / 3, 12)
  })
  it('is measured by its probabilities', () => {
    const p = [0.9, 0.4, 0.65, 0.8, 0.3, 0.5]
    expect(metrics.log_loss).toBeCloseTo(-p.reduce((sum, x) => sum + Math.log(x), 0) / 6, 12)
    expect(metrics.brier).toBeCloseTo(p.reduce((sum, x) => sum + (1 - x) ** 2, 0) / 6, 12)
  })
})

describe('a classifier of three classes', () => {
  const actual = Int32Array.of(0, 1, 2, 2)
  const sure = (k: number) => [0, 1, 2].map((i) => (i === k ? 0.8 : 0.1))
  const probabilities = Float64Array.from([...sure(0), ...sure(2), ...sure(2), ...sure(1)])
  const { metrics } = evaluateClassification({ actual, probabilities, classes: ['a', 'b', 'c'] })
  it('is measured by the mean of its classes', () => {
    expect(metrics.f1).toBeCloseTo((1 + 0 + 0.5) / 3, 12)
    expect(metrics.f1_macro).toBe(metrics.f1)
    expect(metrics.f1_weighted).toBeCloseTo((1 + 0 + 2 * 0.5) / 4, 12)
  })
  it('does not count a class that neither occurs nor is predicted', () => {
    const wider = Float64Array.from([0.8, 0.1, 0.1, 0, 0.1, 0.1, 0.8, 0, 0.1, 0.1, 0.8, 0, 0.1, 0.8, 0.1, 0])
    const found = evaluateClassification({ actual, probabilities: wider, classes: ['a', 'b', 'c', 'd'] })
    expect(found.metrics.f1).toBeCloseTo(0.5, 12)
  })
})

describe('ranking', () => {
  const scored = fc.array(fc.record({ hit: fc.boolean(), score: fc.integer({ min: 0, max: 8 }) }), { minLength: 2 })
  it('is the share of pairs in the right order, ties half', () => {
    fc.assert(
      fc.property(scored, (rows) => {
        const hits = rows.filter(({ hit }) => hit)
        const misses = rows.filter(({ hit }) => !hit)
        let sum = 0
        for (const a of hits) for (const b of misses) sum += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0
        const expected = sum / (hits.length * misses.length)
        const found = rocAuc(
          Uint8Array.from(rows, ({ hit }) => +hit),
          Float64Array.from(rows, ({ score }) => score),
        )
        if (hits.length === 0 || misses.length === 0) expect(found).toBeNaN()
        else expect(found).toBeCloseTo(expected, 10)
      }),
    )
  })
  it('does not depend on the order of the rows, ties included', () => {
    fc.assert(
      fc.property(scored, (rows) => {
        const area = (list: typeof rows) =>
          averagePrecision(
            Uint8Array.from(list, ({ hit }) => +hit),
            Float64Array.from(list, ({ score }) => score),
          )
        if (rows.some(({ hit }) => hit)) expect(area([...rows].reverse())).toBeCloseTo(area(rows), 10)
      }),
    )
  })
})

describe('figures that have no meaning', () => {
  it('are left out: no ROC curve for one kind of row', () => {
    const { metrics } = evaluateClassification({ ...binary, actual: new Int32Array(6) })
    expect(metrics).not.toHaveProperty('roc_auc')
    expect(metrics.accuracy).toBeCloseTo(3 / 6, 12)
  })
  it('are left out: no R² where nothing varies', () => {
    const { metrics } = evaluateRegression(Float64Array.of(2, 2), Float64Array.of(1, 3))
    expect(metrics).toEqual({ rmse: 1, mae: 1 })
  })
  it('do not break on a sure and wrong probability', () => {
    const wrong = { actual: Int32Array.of(1), probabilities: Float64Array.of(1, 0), classes: ['0', '1'] }
    expect(evaluateClassification(wrong).metrics.log_loss).toBeCloseTo(36.04, 2)
  })
})

describe('a regressor', () => {
  const { metrics, residuals } = evaluateRegression(Float64Array.of(3, -0.5, 2, 7), Float64Array.of(2.5, 0, 2, 8))
  it('is measured', () => {
    expect(metrics.rmse).toBeCloseTo(Math.sqrt(0.375), 12)
    expect(metrics.mae).toBeCloseTo(0.5, 12)
    expect(metrics.r2).toBeCloseTo(0.9486081370449679, 12)
  })
  it('has every residual in the histogram', () => {
    expect(residuals.counts.reduce((sum, count) => sum + count, 0)).toBe(4)
    expect([residuals.from, residuals.to]).toEqual([-1, 0.5])
  })
})

describe('the direction of a metric', () => {
  it('is known, for folds too', () => {
    expect(greaterIsBetter('f1')).toBe(true)
    expect(greaterIsBetter('cv_rmse_mean')).toBe(false)
  })
  it('is not invented', () => expect(greaterIsBetter('epochs')).toBeUndefined())
})
