// The written nodes, run by ONNX Runtime, against the model's own predictions.
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import type { DenseMatrix } from '../matrix.ts'
import { GraphBuilder } from '../onnx/graph.ts'
import { ALGORITHMS } from './algorithms.ts'
import type { FittedModel } from './learner.ts'
import { classTarget, dense, farthest, numberTarget, randomRows } from './testing.ts'

async function run(model: FittedModel, { rows, cols, values }: DenseMatrix) {
  const graph = new GraphBuilder()
  model.write(graph, graph.input('features', 'float32', ['N', cols]))
  const session = await InferenceSession.create(graph.build({ name: 'test' }), {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  })
  return session.run({ features: new Tensor('float32', values, [rows, cols]) })
}

const ROWS = 200
const matrix = dense(randomRows(3, { rows: ROWS, cols: 8 }))
// The class is the largest of the first features, so that every class is the most probable one somewhere.
const labels = (classes: number) =>
  Array.from({ length: ROWS }, (_, row) => argmax(0, classes, Float64Array.from(matrix.values.slice(8 * row))))
const argmax = (row: number, width: number, values: Float64Array) => {
  const own = [...values.subarray(row * width, (row + 1) * width)]
  return own.indexOf(Math.max(...own))
}

describe('a classifier', () => {
  it.each([
    ['logistic_regression', 2],
    ['logistic_regression', 3],
    ['logistic_regression', 7],
    ['linear_svm', 2],
    ['linear_svm', 7],
  ] as const)('%s of %i classes answers label and probabilities as it predicts them', async (algorithm, classes) => {
    const model = await ALGORITHMS[algorithm].fit({ matrix, target: classTarget(labels(classes), classes) })
    const { label, probabilities } = await run(model, matrix)
    const { values } = model.predict(matrix)
    expect(probabilities!.dims).toEqual([ROWS, classes])
    expect(farthest(probabilities!.data as Float32Array, values)).toBeLessThan(1e-5)
    expect(label!.dims).toEqual([ROWS])
    const expected = Array.from({ length: ROWS }, (_, row) => BigInt(argmax(row, classes, values)))
    expect([...(label!.data as BigInt64Array)]).toEqual(expected)
  })

  it.each([
    [2, 'sigmoid'],
    [2, 'isotonic'],
    [4, 'sigmoid'],
    [4, 'isotonic'],
  ] as const)('of %i classes answers %s-calibrated probabilities as it predicts them', async (classes, calibration) => {
    const hyperparameters = { calibration, path: 3 }
    const model = await ALGORITHMS.logistic_regression.fit({
      matrix,
      target: classTarget(labels(classes), classes),
      hyperparameters,
    })
    const { probabilities } = await run(model, matrix)
    expect(farthest(probabilities!.data as Float32Array, model.predict(matrix).values)).toBeLessThan(1e-5)
  })

  it('answers names where the classes are strings', async () => {
    const target = { ...classTarget(labels(3)), dtype: 'string', classes: ['bug', 'feature', 'Frage?'] } as const
    const { label } = await run(await ALGORITHMS.logistic_regression.fit({ matrix, target }), matrix)
    expect(label!.type).toBe('string')
    expect(new Set(label!.data as string[])).toEqual(new Set(target.classes))
  })

  it('answers the integers that the classes are, not their numbers', async () => {
    const target = { ...classTarget(labels(2)), classes: ['-7', '9007199254740991'] }
    const { label } = await run(await ALGORITHMS.logistic_regression.fit({ matrix, target }), matrix)
    expect(new Set(label!.data as BigInt64Array)).toEqual(new Set([-7n, 9007199254740991n]))
  })

  it('answers 0 and 1 for booleans', async () => {
    const target = { ...classTarget(labels(2)), dtype: 'boolean', classes: ['false', 'true'] } as const
    const { label } = await run(await ALGORITHMS.logistic_regression.fit({ matrix, target }), matrix)
    expect(new Set(label!.data as BigInt64Array)).toEqual(new Set([0n, 1n]))
  })
})

describe('a regression', () => {
  it('answers its prediction, one number a row', async () => {
    const target = numberTarget(Array.from({ length: ROWS }, (_, r) => 1000 + 50 * matrix.values[8 * r]!))
    const model = await ALGORITHMS.linear_regression.fit({ matrix, target })
    const { prediction } = await run(model, matrix)
    expect(prediction!.dims).toEqual([ROWS])
    expect(farthest(prediction!.data as Float32Array, model.predict(matrix).values)).toBeLessThan(1e-5 * 1000)
  })

  it('accepts an empty batch', async () => {
    const target = numberTarget(Array.from({ length: ROWS }, (_, r) => matrix.values[8 * r]!))
    const model = await ALGORITHMS.linear_regression.fit({ matrix, target })
    const { prediction } = await run(model, { form: 'dense', rows: 0, cols: 8, values: new Float32Array() })
    expect(prediction!.dims).toEqual([0])
  })
})

describe('the table of algorithms', () => {
  it.each(Object.entries(ALGORITHMS))(
    'gives every hyperparameter of %s a default and a description',
    (_, { hyperparameters }) => {
      for (const field of Object.values(hyperparameters.properties)) {
        expect(field).toMatchObject({ default: expect.anything(), description: expect.any(String) })
      }
    },
  )
})
