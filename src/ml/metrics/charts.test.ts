// Reference values: scikit-learn 1.9.1 on the arrays below (roc_curve without dropping, precision_recall_curve,
// calibration_curve with strategy="quantile").
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { calibrate } from './calibration.ts'
import { chartsOf } from './charts.ts'
import { curvesOf, MAX_POINTS, stepsOf } from './curves.ts'
import { rankingAreas } from './ranking.ts'
import { evaluateRegression } from './regression.ts'
import { residualHistogram } from './residuals.ts'
import { thresholdTable } from './thresholds.ts'

const labels = [0, 0, 1, 1, 1, 0, 1, 0, 1, 0]
const scores = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.9, 0.2, 0.65, 0.7]
const ranking = (y: readonly number[], p: readonly number[]) => ({
  rows: y.length,
  score: (row: number) => p[row]!,
  positive: (row: number) => y[row] === 1,
})

describe('the curves of a score', () => {
  const curves = curvesOf(ranking(labels, scores))!

  it('have the ROC points of scikit-learn', () => {
    expect(curves.roc.map((point) => point.false_positive_rate)).toEqual([0, 0, 0, 0.2, 0.2, 0.6, 0.6, 0.8, 1])
    expect(curves.roc.map((point) => point.true_positive_rate)).toEqual([0, 0.2, 0.4, 0.4, 0.6, 0.8, 1, 1, 1])
    expect(curves.roc.map((point) => point.threshold)).toEqual([null, 0.9, 0.8, 0.7, 0.65, 0.4, 0.35, 0.2, 0.1])
  })

  it('have the precision-recall points of scikit-learn', () => {
    expect(curves.pr.map((point) => point.recall).reverse()).toEqual([1, 1, 1, 0.8, 0.6, 0.4, 0.4, 0.2])
    expect(curves.pr.map((point) => point.precision).reverse()).toEqual([
      0.5, 0.555556, 0.625, 0.571429, 0.75, 0.666667, 1, 1,
    ])
  })

  it('do not exist where there is one class only', () => {
    expect(curvesOf(ranking([1, 1], [0.2, 0.3]))).toBeUndefined()
  })

  it('stay near the area when they are thinned', () => {
    const cells = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 5000 })), {
      minLength: 500,
      maxLength: 900,
    })
    fc.assert(
      fc.property(cells, (rows) => {
        const y = rows.map(([positive]) => Number(positive))
        const p = rows.map(([, score]) => score / 5000)
        fc.pre(y.includes(0) && y.includes(1))
        const { roc, pr } = curvesOf(ranking(y, p))!
        expect(Math.max(roc.length, pr.length)).toBeLessThanOrEqual(MAX_POINTS)
        let area = 0
        for (let i = 1; i < roc.length; i++) {
          const width = roc[i]!.false_positive_rate - roc[i - 1]!.false_positive_rate
          area += (width * (roc[i]!.true_positive_rate + roc[i - 1]!.true_positive_rate)) / 2
        }
        expect(Math.abs(area - rankingAreas(ranking(y, p)).rocAuc)).toBeLessThan(0.01)
        expect(roc.at(-1)).toMatchObject({ false_positive_rate: 1, true_positive_rate: 1 })
      }),
      { numRuns: 20 },
    )
  })
})

describe('the threshold table', () => {
  const table = thresholdTable(stepsOf(ranking(labels, scores)))

  it('says what happens at every twentieth and at the best threshold', () => {
    expect(table).toHaveLength(19)
    expect(table.find(({ threshold }) => threshold === 0.5)).toEqual({
      threshold: 0.5,
      precision: 0.75,
      recall: 0.6,
      f1: 0.666667,
      accuracy: 0.7,
      share: 0.4,
    })
  })

  it('has a row of its own for the highest F1', () => {
    const odd = scores.map((score) => score + 0.012)
    expect(thresholdTable(stepsOf(ranking(labels, odd)))).toContainEqual(
      expect.objectContaining({ threshold: 0.362, recall: 1, precision: 0.625 }),
    )
  })

  it('names a threshold that the rows it stands for reach', () => {
    const sure = [0.2, 0.3, 0.9999996, 0.9999999]
    const steps = stepsOf(ranking([0, 0, 1, 1], sure))
    expect(thresholdTable(steps)).toContainEqual(expect.objectContaining({ threshold: 0.99999, f1: 1, share: 0.5 }))
    const { roc } = curvesOf(ranking([0, 0, 1, 1], sure))!
    expect(roc.map(({ threshold }) => threshold)).toEqual([null, 0.99999, 0.99999, 0.3, 0.2])
  })

  it('is made of numbers where no row is of the second class', () => {
    const none = thresholdTable(stepsOf(ranking([0, 0], [0.1, 0.2])))
    expect(none.at(-1)).toEqual({ threshold: 0.95, precision: 0, recall: 0, f1: 0, accuracy: 1, share: 0 })
    expect(none.flatMap(Object.values).filter((value) => !Number.isFinite(value))).toEqual([])
  })

  it('has zeros where nothing reaches the threshold', () => {
    expect(table.at(-1)).toMatchObject({ threshold: 0.95, precision: 0, recall: 0, f1: 0, share: 0, accuracy: 0.5 })
  })
})

describe('calibration', () => {
  it('has the bins of scikit-learn', () => {
    const { bins } = calibrate({
      of: 'second_class',
      probabilities: Float64Array.from(scores),
      outcomes: Uint8Array.from(labels),
    })
    expect(bins.map(({ predicted }) => predicted)).toEqual([0.1, 0.2, 0.35, 0.4, 0.65, 0.7, 0.8, 0.9])
    expect(bins.map(({ observed }) => observed)).toEqual([0, 0, 1, 0.333333, 1, 0, 1, 1])
    expect(bins.reduce((sum, { rows }) => sum + rows, 0)).toBe(10)
  })

  it('has no error where the probabilities come true', () => {
    const probabilities = Float64Array.from({ length: 1000 }, (_, row) => (row % 10 < 5 ? 0.2 : 0.8))
    const outcomes = Uint8Array.from({ length: 1000 }, (_, row) => Number([0, 5, 6, 7, 8].includes(row % 10)))
    expect(calibrate({ of: 'second_class', probabilities, outcomes }).error).toBeCloseTo(0, 6)
  })
})

describe('the charts of a model', () => {
  const charts = (classes: number) => {
    const rows = classes * 3
    const y = Int32Array.from({ length: rows }, (_, row) => row % classes)
    const probabilities = Float64Array.from({ length: rows * classes }, () => 1 / classes)
    return chartsOf({
      labels: y,
      probabilities,
      predicted: new Int32Array(rows),
      classes: Array.from({ length: classes }, (_, k) => `c${k}`),
    })
  }

  it('of two classes are about the second one', () => {
    expect(charts(2).curves.map((curve) => curve.class)).toEqual(['c1'])
    expect(charts(2).calibration.of).toBe('second_class')
    expect(charts(2).thresholds).toHaveLength(19)
  })

  it('of many classes are few', () => {
    const { curves, thresholds, calibration } = charts(300)
    expect(curves).toHaveLength(10)
    expect(thresholds).toBeUndefined()
    expect(calibration.of).toBe('predicted_class')
  })
})

describe('residuals', () => {
  it('are all counted, wild ones in the outermost bins', () => {
    const errors = Float64Array.from({ length: 2000 }, (_, i) => (i === 0 ? 1e9 : (i % 100) - 50))
    const { edges, counts } = residualHistogram(errors)
    expect(edges).toHaveLength(counts.length + 1)
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(2000)
    expect(edges.at(-1)).toBeLessThan(100)
  })

  it('that are all the same make one bin', () => {
    expect(residualHistogram(new Float64Array(5))).toEqual({ edges: [0, 0], counts: [5] })
  })

  it('as shares of the target are those of scikit-learn, where the target is never 0', () => {
    const predicted = Float64Array.of(2.5, 0.4, 2, 8, 4)
    const of = (actual: Float64Array) => evaluateRegression({ actual, predicted }).metrics.mape
    expect(of(Float64Array.of(3, -0.5, 2, 7, 4.2))).toBeCloseTo(0.4314285714, 9)
    expect(of(Float64Array.of(0, -0.5, 2, 7, 4.2))).toBeUndefined()
  })
})
