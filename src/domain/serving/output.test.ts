import { describe, expect, it } from 'vitest'
import type { Signature } from '../../contract/models.ts'
import type { Tensor } from '../../runtime/index.ts'
import { readAnswers, simpleProbability } from './output.ts'

type Output = Signature['outputs'][number]
const signature = (...outputs: Output[]): Signature => ({ inputs: [], outputs })
const floats = (...data: number[]): Tensor => ({ type: 'float32', dims: [data.length], data: Float32Array.from(data) })
const longs = (...data: bigint[]): Tensor => ({ type: 'int64', dims: [data.length], data: BigInt64Array.from(data) })
const words = (...data: string[]): Tensor => ({ type: 'string', dims: [data.length], data })

const binary = signature({ name: 'label', dtype: 'integer', categories: ['0', '1'] }, { name: 'p', dtype: 'number' })

describe('an answer', () => {
  it('is a label with the probability of every class', () => {
    expect(readAnswers(binary, { label: longs(1n, 0n), p: floats(0.25, 0.75, 0.875, 0.125) }, 2)).toEqual([
      { prediction: 1, confidence: 0.75, probabilities: { 0: 0.25, 1: 0.75 } },
      { prediction: 0, confidence: 0.875, probabilities: { 0: 0.875, 1: 0.125 } },
    ])
  })

  it('is read from numbers of 16 bits as from others', () => {
    const halves = (...data: number[]): Tensor => ({ type: 'float16', dims: [1, 2], data: Uint16Array.from(data) })
    expect(readAnswers(binary, { label: longs(1n), p: halves(0x3400, 0x3a00) }, 1)).toEqual([
      { prediction: 1, confidence: 0.75, probabilities: { 0: 0.25, 1: 0.75 } },
    ])
    const number = signature({ name: 'y', dtype: 'number' })
    const answers = readAnswers(number, { y: halves(0xc000, 0x7e00) }, 2)
    expect(answers.map(({ prediction }) => prediction)).toEqual([-2, null])
    const scores = signature({ name: 'p', dtype: 'string', categories: ['low', 'high'] })
    // Bits of a negative number are greater than those of any other.
    expect(readAnswers(scores, { p: halves(0xbc00, 0x3c00) }, 1)[0]!.prediction).toBe('high')
  })

  it('is a word for classes that are words', () => {
    const outputs = signature(
      { name: 'label', dtype: 'string', categories: ['no', 'yes'] },
      { name: 'p', dtype: 'number' },
    )
    expect(readAnswers(outputs, { label: words('yes'), p: floats(0.5, 0.5) }, 1)).toEqual([
      { prediction: 'yes', confidence: 0.5, probabilities: { no: 0.5, yes: 0.5 } },
    ])
  })

  it('is the name given to the class with the highest score where the graph calls its classes otherwise', () => {
    const outputs = signature(
      { name: 'label', dtype: 'string', categories: ['setosa', 'versicolor', 'virginica'] },
      { name: 'p', dtype: 'number' },
    )
    expect(readAnswers(outputs, { label: longs(1n, 3n), p: floats(0.75, 0.25, 0, 0, 0.25, 0.75) }, 2)).toEqual([
      { prediction: 'setosa', confidence: 0.75, probabilities: { setosa: 0.75, versicolor: 0.25, virginica: 0 } },
      { prediction: 'virginica', confidence: 0.75, probabilities: { setosa: 0, versicolor: 0.25, virginica: 0.75 } },
    ])
  })

  it('is the name of a class, where that is no number as declared', () => {
    const outputs = signature({ name: 'p', dtype: 'integer', categories: ['setosa', '7'] })
    const answers = readAnswers(outputs, { p: floats(1, 0, 0, 1) }, 2)
    expect(answers.map(({ prediction }) => prediction)).toEqual(['setosa', 7])
  })

  it('is true or false for booleans', () => {
    const outputs = signature(
      { name: 'label', dtype: 'boolean', categories: ['false', 'true'] },
      { name: 'p', dtype: 'number' },
    )
    expect(readAnswers(outputs, { label: longs(1n, 0n), p: floats(0, 1, 1, 0) }, 2)).toEqual([
      { prediction: true, confidence: 1, probabilities: { false: 0, true: 1 } },
      { prediction: false, confidence: 1, probabilities: { false: 1, true: 0 } },
    ])
  })

  it('is a label alone where there are no scores', () => {
    expect(readAnswers(signature({ name: 'label', dtype: 'integer' }), { label: longs(7n) }, 1)).toEqual([
      { prediction: 7 },
    ])
  })

  it('is a number for a regression, and null where it is none', () => {
    const outputs = signature({ name: 'y', dtype: 'number' })
    expect(readAnswers(outputs, { y: floats(1.5, Number.NaN, Number.POSITIVE_INFINITY) }, 3)).toEqual([
      { prediction: 1.5 },
      { prediction: null },
      { prediction: null },
    ])
  })

  it('is the class of the highest score where only scores are given', () => {
    const outputs = signature({ name: 'p', dtype: 'string', categories: ['a', 'b', 'c'] })
    const [first, second] = readAnswers(outputs, { p: floats(0.25, 0.5, 0.25, 0, 0, 1) }, 2)
    expect(first).toEqual({ prediction: 'b', confidence: 0.5, probabilities: { a: 0.25, b: 0.5, c: 0.25 } })
    expect(second?.prediction).toBe('c')
  })

  it('passes scores that are no probabilities through a softmax', () => {
    const outputs = signature({ name: 's', dtype: 'integer', categories: ['0', '1'] })
    const [answer] = readAnswers(outputs, { s: floats(-1000, 1000) }, 1)
    expect(answer).toEqual({ prediction: 1, confidence: 1, probabilities: { 0: 0, 1: 1 } })
    const [even] = readAnswers(outputs, { s: floats(3, 3) }, 1)
    expect(even?.probabilities).toEqual({ 0: 0.5, 1: 0.5 })
  })

  it('is none where a score is no number', () => {
    const outputs = signature({ name: 's', dtype: 'string', categories: ['a', 'b'] })
    const answers = readAnswers(outputs, { s: floats(Number.NaN, 0.5, 0.25, 0.75) }, 2)
    expect(answers.map(({ prediction }) => prediction)).toEqual([null, 'b'])
  })

  it('is missing for a graph that does not give its declared output', () => {
    expect(() => readAnswers(binary, { other: longs(1n) }, 1)).toThrow(
      expect.objectContaining({ code: 'MODEL_OUTPUT_MISSING' }),
    )
  })
})

describe('the probability of /predict', () => {
  it('is that of class 1 for a target of 0 and 1', () => {
    const [answer] = readAnswers(binary, { label: longs(0n), p: floats(0.75, 0.25) }, 1)
    expect(simpleProbability(binary, answer!)).toBe(0.25)
  })

  it('is that of the predicted class otherwise', () => {
    const outputs = signature(
      { name: 'label', dtype: 'string', categories: ['a', 'b'] },
      { name: 'p', dtype: 'number' },
    )
    const [answer] = readAnswers(outputs, { label: words('a'), p: floats(0.75, 0.25) }, 1)
    expect(simpleProbability(outputs, answer!)).toBe(0.75)
  })

  it('is none for a regression', () => {
    expect(simpleProbability(signature({ name: 'y', dtype: 'number' }), { prediction: 2 })).toBeUndefined()
  })
})
