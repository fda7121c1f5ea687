// Reference values: scikit-learn 1.9.1 on the arrays below; properties against definitions taken literally.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluateClassification } from './classification.ts'
import { rankingAreas } from './ranking.ts'
import { evaluateRegression } from './regression.ts'
import { defaultMetric, findMetric, greaterIsBetter, METRICS } from './table.ts'
import { weighRegression } from './weigh.ts'

const pairs = (second: readonly number[]) => Float64Array.from(second.flatMap((p) => [1 - p, p]))

describe('two classes', () => {
  const { metrics, details } = evaluateClassification({
    labels: Int32Array.of(0, 0, 1, 1, 1, 0, 1, 0, 1, 0),
    probabilities: pairs([0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.9, 0.2, 0.65, 0.7]),
    classes: ['no', 'yes'],
  })

  it.each([
    ['accuracy', 0.7],
    ['precision', 0.75],
    ['recall', 0.6],
    ['f1', 0.6666666667],
    ['f1_macro', 0.696969697],
    ['f1_weighted', 0.696969697],
    ['roc_auc', 0.76],
    ['pr_auc', 0.7892857143],
    ['log_loss', 0.5279527958],
    ['brier', 0.1815],
  ])('have the %s of scikit-learn', (name, expected) => {
    expect(metrics[name]).toBeCloseTo(expected, 9)
  })

  it('are told apart in the confusion matrix, actual by predicted', () => {
    expect(details.confusion.matrix).toEqual([
      [4, 1],
      [2, 3],
    ])
    expect(details.confusion.mistakes[0]).toEqual({ actual: 'yes', predicted: 'no', count: 2 })
  })

  it('are judged one by one', () => {
    expect(details.per_class[1]).toEqual({ class: 'yes', precision: 0.75, recall: 0.6, f1: 6 / 9, support: 5 })
  })
})

describe('three classes', () => {
  const rows = [
    [0.7, 0.2, 0.1],
    [0.3, 0.4, 0.3],
    [0.2, 0.5, 0.3],
    [0.1, 0.1, 0.8],
    [0.5, 0.3, 0.2],
    [0.6, 0.3, 0.1],
    [0.2, 0.6, 0.2],
    [0.3, 0.3, 0.4],
  ]
  const { metrics } = evaluateClassification({
    labels: Int32Array.of(0, 1, 2, 2, 1, 0, 1, 2),
    probabilities: Float64Array.from(rows.flat()),
    classes: ['a', 'b', 'c'],
  })

  it.each([
    ['accuracy', 0.75],
    ['precision', 0.7777777778],
    ['recall', 0.7777777778],
    ['f1', 0.7555555556],
    ['precision_weighted', 0.7916666667],
    ['f1_weighted', 0.75],
    ['roc_auc', 0.9222222222],
    ['pr_auc', 0.8796296296],
    ['log_loss', 0.7302496018],
    ['brier', 0.4175],
  ])('have the %s of scikit-learn', (name, expected) => {
    expect(metrics[name]).toBeCloseTo(expected, 9)
  })
})

describe('rankings', () => {
  // Few different scores, so that ties are the rule.
  const sample = fc.array(fc.record({ score: fc.integer({ min: 0, max: 5 }), positive: fc.boolean() }), {
    minLength: 2,
  })
  const areas = (items: readonly { score: number; positive: boolean }[]) =>
    rankingAreas({ rows: items.length, score: (row) => items[row]!.score, positive: (row) => items[row]!.positive })

  it('have the ROC area that counting all pairs gives', () => {
    fc.assert(
      fc.property(sample, (items) => {
        const positives = items.filter((item) => item.positive)
        const negatives = items.filter((item) => !item.positive)
        fc.pre(positives.length > 0 && negatives.length > 0)
        let wins = 0
        for (const a of positives) {
          for (const b of negatives) wins += a.score > b.score ? 1 : a.score === b.score ? 0.5 : 0
        }
        expect(areas(items).rocAuc).toBeCloseTo(wins / (positives.length * negatives.length), 12)
      }),
    )
  })

  it('have the average precision that walking down the thresholds gives', () => {
    fc.assert(
      fc.property(sample, (items) => {
        const positives = items.filter((item) => item.positive).length
        fc.pre(positives > 0 && positives < items.length)
        let area = 0
        let recall = 0
        for (const threshold of [...new Set(items.map((item) => item.score))].sort((a, b) => b - a)) {
          const above = items.filter((item) => item.score >= threshold)
          const hits = above.filter((item) => item.positive).length
          area += (hits / positives - recall) * (hits / above.length)
          recall = hits / positives
        }
        expect(areas(items).prAuc).toBeCloseTo(area, 12)
      }),
    )
  })
})

describe('what cannot be computed', () => {
  it('is left out: areas of one class only', () => {
    const { metrics } = evaluateClassification({
      labels: Int32Array.of(1, 1),
      probabilities: pairs([0.4, 0.9]),
      classes: ['no', 'yes'],
    })
    expect(metrics).not.toHaveProperty('roc_auc')
    expect(metrics.recall).toBe(0.5)
  })

  it('is left out: R² of a target that does not vary', () => {
    const { metrics } = evaluateRegression({ actual: Float64Array.of(2, 2), predicted: Float64Array.of(1, 2) })
    expect(Object.keys(metrics)).toEqual(['rmse', 'mae', 'mape'])
  })

  it('does not count a class that neither occurs nor is predicted', () => {
    const input = { labels: Int32Array.of(0, 1), probabilities: Float64Array.of(1, 0, 0, 0, 1, 0) }
    expect(evaluateClassification({ ...input, classes: ['a', 'b', 'c'] }).metrics.f1).toBe(1)
  })

  it('keeps the log loss of a certain mistake finite', () => {
    const { metrics } = evaluateClassification({
      labels: Int32Array.of(0),
      probabilities: Float64Array.of(0, 1),
      classes: ['a', 'b'],
    })
    expect(metrics.log_loss).toBeCloseTo(34.54, 1)
  })

  it.each([
    [
      'classes',
      () =>
        evaluateClassification({ labels: new Int32Array(), probabilities: new Float64Array(), classes: ['a', 'b'] }),
    ],
    ['numbers', () => evaluateRegression({ actual: new Float64Array(), predicted: new Float64Array() })],
  ])('is refused: %s without rows', (_, attempt) => {
    expect(attempt).toThrow(expect.objectContaining({ kind: 'invalid', code: 'EVALUATION_EMPTY' }))
  })
})

describe('thousands of classes', () => {
  it('are reported by their mistakes instead of a matrix', () => {
    const classes = Array.from({ length: 300 }, (_, k) => `c${k}`)
    const labels = Int32Array.from({ length: 300 }, (_, row) => row)
    const predicted = labels.map((label) => (label < 10 ? 299 : label))
    const probabilities = new Float64Array(300 * 300).fill(1 / 300)
    const { details } = evaluateClassification({ labels, predicted, probabilities, classes })
    expect(details.confusion.matrix).toBeNull()
    expect(details.confusion.mistakes).toHaveLength(10)
  })
})

describe('numbers', () => {
  it('have the figures of scikit-learn', () => {
    const actual = Float64Array.of(3, -0.5, 2, 7, 4.2)
    const { metrics, details } = evaluateRegression({ actual, predicted: Float64Array.of(2.5, 0, 2, 8, 4) })
    expect(metrics.rmse).toBeCloseTo(0.5549774770204643, 12)
    expect(metrics.mae).toBeCloseTo(0.44, 12)
    expect(metrics.r2).toBeCloseTo(0.9496600418410042, 12)
    expect(details.errors.max_absolute).toBe(1)
  })
})

describe('numbers that do not vary', () => {
  it.each([0, 0.1, 1 / 3])('have no R²: %d', (value) => {
    const actual = new Float64Array(10).fill(value)
    const predicted = new Float64Array(10).fill(0.2)
    expect(evaluateRegression({ actual, predicted }).metrics).not.toHaveProperty('r2')
    expect(weighRegression({ actual, predicted })(new Int32Array(10).fill(1)).r2).toBeNaN()
    const other = Float64Array.from([...actual, 9])
    const drawn = Int32Array.from(other, (_, row) => Number(row < 10))
    expect(weighRegression({ actual: other, predicted: other })(drawn).r2).toBeNaN()
  })
})

describe('the table of metrics', () => {
  it('knows which direction is better, also of means over folds', () => {
    expect([greaterIsBetter('f1'), greaterIsBetter('cv_rmse_mean'), greaterIsBetter('nonsense')]).toEqual([
      true,
      false,
      undefined,
    ])
  })

  it('holds every figure that is computed, and nothing else', () => {
    const classes = evaluateClassification({
      labels: Int32Array.of(0, 1),
      probabilities: pairs([0.2, 0.7]),
      classes: ['a', 'b'],
    })
    const numbers = evaluateRegression({ actual: Float64Array.of(1, 2), predicted: Float64Array.of(1, 3) })
    const computed = [...Object.keys(classes.metrics), ...Object.keys(numbers.metrics)]
    expect(computed.sort()).toEqual(Object.keys(METRICS).sort())
  })

  it('has a default for each task', () => {
    expect(findMetric(defaultMetric('classification'))?.greaterIsBetter).toBe(true)
    expect(findMetric(defaultMetric('regression'))?.greaterIsBetter).toBe(false)
    expect(findMetric('toString')).toBeUndefined()
  })
})
