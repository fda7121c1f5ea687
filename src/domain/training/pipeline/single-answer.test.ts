import { expect, it } from 'vitest'
import { singleAnswerWarnings } from './single-answer.ts'
import type { Target } from './target.ts'

const target = (...labels: number[]): Target => ({
  task: 'classification',
  dtype: 'string',
  classes: ['good', 'lost'],
  labels: Int32Array.from(labels),
})
const answers = (...labels: number[]) => ({
  task: 'classification' as const,
  labels: Int32Array.from(labels),
  probabilities: new Float64Array(labels.length * 2),
})

it('warns of a model that answers one class although there are others', () => {
  expect(singleAnswerWarnings(target(0, 0, 1, 0), answers(0, 0, 0, 0))).toEqual([
    expect.stringMatching(/answers "good" for every held-out row, also for the 1 of 4 .*class_weight/),
  ])
})

it('has nothing to say where two classes are answered, where there is one, or of numbers', () => {
  expect(singleAnswerWarnings(target(0, 0, 1, 0), answers(0, 1, 0, 0))).toEqual([])
  expect(singleAnswerWarnings(target(1, 1), answers(1, 1))).toEqual([])
  const numbers = Float64Array.of(1, 2)
  expect(
    singleAnswerWarnings({ task: 'regression', values: numbers }, { task: 'regression', values: numbers }),
  ).toEqual([])
})
