import { expect, test } from 'vitest'
import type { MlError } from '../../../core/failure.ts'
import { checkParity, isNotable } from './parity.ts'
import { type ClassPredictions, mostProbable, type NumberPredictions } from './predictions.ts'

const classes = ['a', 'b']
function probable(...probabilities: number[]): ClassPredictions {
  return {
    task: 'classification',
    probabilities: Float64Array.from(probabilities),
    labels: mostProbable(probabilities, 2),
  }
}
const values = (...all: number[]): NumberPredictions => ({ task: 'regression', values: Float64Array.from(all) })

function mismatch(graph: ClassPredictions | NumberPredictions, learner: ClassPredictions | NumberPredictions): MlError {
  try {
    checkParity({ graph, learner, classes })
  } catch (error) {
    return error as MlError
  }
  return expect.unreachable('should have been a mismatch')
}

test('differences of 32-bit rounding pass', () => {
  checkParity({ graph: probable(0.2000004, 0.7999996), learner: probable(0.2, 0.8), classes })
  checkParity({ graph: values(1e6 + 0.01, 0.003), learner: values(1e6, 0), classes })
})

test('a probability that is off is reported with row and class', () => {
  const error = mismatch(probable(0.2, 0.8, 0.6, 0.4), probable(0.2, 0.8, 0.61, 0.39))
  expect(error).toMatchObject({ code: 'PARITY_FAILED', details: { row: 1, class: 'a', graph: 0.6, learner: 0.61 } })
})

test('a number that is off is reported with its row', () => {
  expect(mismatch(values(1, 2.001), values(1, 2)).details).toMatchObject({ row: 1, graph: 2.001, learner: 2 })
})

test('NaN is never right, not even on both sides', () => {
  expect(mismatch(values(Number.NaN), values(1)).code).toBe('PARITY_FAILED')
  expect(mismatch(values(Number.NaN), values(Number.NaN)).code).toBe('PARITY_FAILED')
  expect(mismatch(probable(Number.NaN, 0.5), probable(0.5, 0.5)).code).toBe('PARITY_FAILED')
})

test('a label may differ where the two best probabilities are equal, and only there', () => {
  const tie = probable(0.5, 0.5)
  checkParity({ graph: { ...tie, labels: Int32Array.of(1) }, learner: tie, classes })
  const clear = probable(0.6, 0.4)
  expect(mismatch({ ...clear, labels: Int32Array.of(1) }, clear).details).toMatchObject({ graph: 'b', learner: 'a' })
  expect(mismatch({ ...tie, labels: Int32Array.of(-1) }, tie).details).toMatchObject({ graph: 'no known class' })
})

test('a label may differ where what the classes count is equal, and only there', () => {
  const preferred = Float64Array.of(1, 3)
  const tie = { ...probable(0.75, 0.25), preferred }
  checkParity({ graph: { ...tie, labels: Int32Array.of(1) }, learner: tie, classes })
  const clear = { ...probable(0.7, 0.3), labels: Int32Array.of(1), preferred }
  expect(mismatch({ ...clear, labels: Int32Array.of(0) }, clear).details).toMatchObject({ graph: 'a', learner: 'b' })
})

test('a missing row and another task are mismatches', () => {
  expect(mismatch(values(1), values(1, 2)).code).toBe('PARITY_FAILED')
  expect(mismatch(probable(0.5, 0.5), probable(0.5, 0.5, 1, 0)).code).toBe('PARITY_FAILED')
  expect(mismatch(values(1), probable(1, 0)).code).toBe('PARITY_FAILED')
})

test('a difference that rounding explains passes, and only there', () => {
  const learner = values(1, 2)
  const graph = values(1.0004, 2)
  expect(checkParity({ graph, learner, rounding: () => Float64Array.of(0.001, 0) })).toBeCloseTo(0.0004, 9)
  expect(() => checkParity({ graph, learner, rounding: () => Float64Array.of(0, 0.001) })).toThrow(/row 0/)
})

test('rounding is not asked about where nothing differs', () => {
  const never = () => expect.unreachable('asked')
  expect(checkParity({ graph: values(1), learner: values(1), rounding: never })).toBe(0)
})

test('a difference is notable when it is more than the ordinary one', () => {
  expect(isNotable(2e-5, probable(0.5, 0.5))).toBe(true)
  expect(isNotable(1e-6, probable(0.5, 0.5))).toBe(false)
  expect(isNotable(0.5, values(1e6))).toBe(false)
})
