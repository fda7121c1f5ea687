// Reference values: scikit-learn 1.9.1, LogisticRegression on the sample of testing.ts to a tolerance of 1e-10 (lbfgs; saga
// to 1e-12 for L1). C = 1 is l2 = 1; l1_ratio ρ means l2 = 1 − ρ and l1 = ρ.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fitLogistic } from './logistic.ts'
import { classTarget, dense, EXACT, farthest, randomRows, SAMPLE, sparse } from './testing.ts'

const TOLERANCE = 2e-6 // of the reference, which is printed with six digits
const { matrix, two, three, weights } = SAMPLE
const fitTwo = (hyperparameters: object, sampleWeights?: Float64Array) =>
  fitLogistic({
    matrix,
    target: two,
    hyperparameters: { ...EXACT, ...hyperparameters },
    ...(sampleWeights && { sampleWeights }),
  })

describe('two classes', () => {
  it.each([
    ['l2 = 1', {}, undefined, [1.402885, -0.757097, 0.268154, 0.207198]],
    ['l2 = 10', { l2: 10 }, undefined, [0.405314, -0.3451, 0.030385, 0.238805]],
    ['sample weights', {}, weights, [1.479073, -0.696571, 0.251139, -0.108143]],
    ['balanced classes', { class_weight: 'balanced' }, undefined, [1.418757, -0.730931, 0.282509, 0.027488]],
    ['no intercept', { fit_intercept: false }, undefined, [1.381347, -0.818855, 0.281818, 0]],
    ['l1', { l2: 0, l1: 1 }, undefined, [2.158423, -0.324723, 0.109336, 0.440916]],
    ['l1 and l2', { l2: 0.5, l1: 0.5 }, undefined, [1.556878, -0.647364, 0.178441, 0.271046]],
  ] as const)('has the weights of scikit-learn: %s', (_, settings, sampleWeights, expected) => {
    const model = fitTwo(settings, sampleWeights)
    expect(farthest([...model.weights, ...model.bias], expected)).toBeLessThan(TOLERANCE)
    expect(model.converged).toBe(true)
  })

  it('answers the probabilities of both classes', () => {
    const { values, width } = fitTwo({}).predict(matrix)
    expect(width).toBe(2)
    expect(farthest(values.subarray(0, 4), [0.050118, 0.949882, 0.200931, 0.799069])).toBeLessThan(TOLERANCE)
  })
})

describe('three classes', () => {
  it.each([
    ['l2 = 1', {}, undefined, [0.013877, 0.01237, 0.973753, 0.057146, 0.093469, 0.849384]],
    [
      'balanced, weighted',
      { class_weight: 'balanced' },
      weights,
      [0.018998, 0.016479, 0.964523, 0.065248, 0.206715, 0.728037],
    ],
    ['l1', { l2: 0, l1: 1 }, undefined, [0.011481, 0.013337, 0.975182, 0.05252, 0.098684, 0.848796]],
  ] as const)('has the probabilities of scikit-learn: %s', (_, settings, sampleWeights, expected) => {
    const hyperparameters = { ...EXACT, ...settings }
    const model = fitLogistic({ matrix, target: three, hyperparameters, ...(sampleWeights && { sampleWeights }) })
    expect(farthest(model.predict(matrix).values.subarray(0, 6), expected)).toBeLessThan(TOLERANCE)
  })

  it('sets weights to exactly zero where the L1 penalty outweighs them', () => {
    const model = fitLogistic({ matrix, target: three, hyperparameters: { ...EXACT, l2: 0, l1: 1 } })
    expect([...model.weights].filter((weight) => weight === 0)).toHaveLength(6)
  })
})

const cases = fc.record({ seed: fc.nat(), classes: fc.integer({ min: 2, max: 4 }), zeros: fc.constantFrom(0, 0.8) })
const RUNS = { numRuns: 25 }

function problem({ seed, classes, zeros }: { seed: number; classes: number; zeros: number }) {
  const rows = randomRows(seed, { rows: 40, cols: 6, zeros })
  const labels = rows.map((row, i) => (i < classes ? i : Math.abs(Math.round(row[0]! + row[1]! * 2 + i)) % classes))
  return { rows, labels, target: classTarget(labels, classes) }
}

describe('whatever the data', () => {
  it('a row given twice is a row of weight 2', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const { rows, labels, target } = problem(one)
        const sampleWeights = Float64Array.from(rows, (_, i) => 1 + (i % 2))
        const twice = rows.flatMap((row, i) => (i % 2 === 1 ? [row, row] : [row]))
        const twiceLabels = labels.flatMap((label, i) => (i % 2 === 1 ? [label, label] : [label]))
        const hyperparameters = { ...EXACT, class_weight: 'balanced' }
        const a = fitLogistic({ matrix: dense(rows), target, sampleWeights, hyperparameters })
        const b = fitLogistic({ matrix: dense(twice), target: classTarget(twiceLabels, one.classes), hyperparameters })
        expect(farthest(a.predict(dense(rows)).values, b.predict(dense(rows)).values)).toBeLessThan(1e-5)
      }),
      RUNS,
    )
  })

  it('the order of the features changes nothing', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const { rows, target } = problem(one)
        const turned = rows.map((row) => row.toReversed())
        const a = fitLogistic({ matrix: dense(rows), target, hyperparameters: EXACT }).predict(dense(rows))
        const b = fitLogistic({ matrix: dense(turned), target, hyperparameters: EXACT }).predict(dense(turned))
        expect(farthest(a.values, b.values)).toBeLessThan(1e-5)
      }),
      RUNS,
    )
  })

  it('sparse rows give the model of dense rows', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const { rows, target } = problem(one)
        const a = fitLogistic({ matrix: dense(rows), target, hyperparameters: EXACT }).predict(dense(rows))
        const csr = sparse(dense(rows))
        const b = fitLogistic({ matrix: csr, target, hyperparameters: EXACT }).predict(csr)
        expect(farthest(a.values, b.values)).toBeLessThan(1e-5)
      }),
      RUNS,
    )
  })

  it('the same input gives the same bytes', () => {
    const { rows, target } = problem({ seed: 5, classes: 3, zeros: 0.8 })
    const [a, b] = [0, 1].map(() => fitLogistic({ matrix: dense(rows), target }))
    expect(a!.weights).toEqual(b!.weights)
  })
})

describe('calibrated probabilities', () => {
  /** Labels that are right seven times in ten, learned without a penalty: what is learned by heart sounds too sure. */
  const rows = randomRows(21, { rows: 400, cols: 60 })
  const labels = rows.map((row, i) => ((row[0]! > 0 ? 1 : 0) + (i % 10 < 3 ? 1 : 0)) % 2)
  const [fresh, truth] = [rows.slice(200), labels.slice(200)]
  const lossOf = (calibration: string) => {
    const model = fitLogistic({
      matrix: dense(rows.slice(0, 200)),
      target: classTarget(labels.slice(0, 200)),
      hyperparameters: { l2: 0.01, calibration },
    })
    const { values } = model.predict(dense(fresh))
    return truth.reduce((sum, label, row) => sum - Math.log(values[2 * row + label]!), 0) / truth.length
  }

  it.each(['sigmoid', 'isotonic'])('%s brings them down to what comes true', (calibration) => {
    expect(lossOf(calibration)).toBeLessThan(lossOf('none') - 0.05)
  })
})
