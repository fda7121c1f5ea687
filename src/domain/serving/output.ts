// The answer of a model, from tensors to what a caller reads.
import type { Signature } from '../../contract/models.ts'
import { fail } from '../../core/failure.ts'
import { valuesOf } from '../../core/tensors.ts'
import type { Tensor } from '../../runtime/index.ts'

export type PredictedValue = string | number | boolean | null

export interface Answer {
  readonly prediction: PredictedValue
  /** Probability of the predicted class; classification only. */
  readonly confidence?: number
  /** Class → probability, in class order. */
  readonly probabilities?: Record<string, number>
  /** The model could not answer; this is what it said last to this row, or its declared default. */
  readonly fallback?: boolean
}

/**
 * Reads the outputs of `rows` rows by the signature: a label with probabilities, a label alone, class scores alone (the
 * highest wins; scores that are no probabilities go through softmax), or one number a row. A label that is none of the
 * classes is what the graph calls a class that was renamed: then the highest score decides.
 */
export function readAnswers(signature: Signature, outputs: Readonly<Record<string, Tensor>>, rows: number): Answer[] {
  const [main, scores] = signature.outputs
  const answered = main && outputs[main.name]
  if (!main || !answered) throw fail('internal', 'MODEL_OUTPUT_MISSING', 'The model did not answer its declared output')
  const values = valuesOf(answered)
  const classes = main.categories
  if (classes && rows > 0 && values.length === rows * classes.length && classes.length > 1) {
    return Array.from({ length: rows }, (_, row) => highestScore(main.dtype, classes, values, row))
  }
  const scored = scores && outputs[scores.name]
  const probabilities = scored && valuesOf(scored)
  const width = probabilities && rows > 0 ? probabilities.length / rows : 0
  const answers: Answer[] = new Array(rows)
  for (let row = 0; row < rows; row++) {
    const prediction = asDeclared(main.dtype, values[row])
    if (!probabilities || !classes) answers[row] = { prediction }
    else {
      answers[row] =
        withProbabilities(prediction, classes, probabilities, row * width) ??
        highestScore(main.dtype, classes, probabilities, row)
    }
  }
  return answers
}

function highestScore(
  dtype: Signature['outputs'][number]['dtype'],
  classes: readonly string[],
  data: Tensor['data'],
  row: number,
): Answer {
  const scores = classes.map((_, k) => Number(data[row * classes.length + k]))
  // None is the highest where one is no number.
  const best = scores.indexOf(Math.max(...scores))
  if (best < 0) return { prediction: null }
  const name = classes[best]!
  const prediction = dtype === 'boolean' ? name === 'true' : dtype === 'string' ? name : numbered(name)
  return withProbabilities(prediction, classes, asProbabilities(scores), 0)!
}

/** A class of whole numbers that was given a word for a name is answered by that name. */
function numbered(name: string): PredictedValue {
  const number = Number(name)
  return Number.isNaN(number) ? name : number
}

const SUM_TOLERANCE = 1e-3

function asProbabilities(scores: readonly number[]): Float64Array {
  const sum = scores.reduce((total, score) => total + score, 0)
  if (scores.every((score) => score >= 0 && score <= 1) && Math.abs(sum - 1) < SUM_TOLERANCE) {
    return Float64Array.from(scores)
  }
  const highest = Math.max(...scores)
  const powers = scores.map((score) => Math.exp(score - highest))
  const total = powers.reduce((a, b) => a + b, 0)
  return Float64Array.from(powers, (power) => power / total)
}

/** Undefined where the prediction is none of the classes. */
function withProbabilities(
  prediction: PredictedValue,
  classes: readonly string[],
  scores: Tensor['data'],
  offset: number,
): Answer | undefined {
  const probabilities: Record<string, number> = {}
  const predicted = String(prediction)
  let confidence: number | undefined
  for (let k = 0; k < classes.length; k++) {
    const probability = Number(scores[offset + k])
    const name = classes[k]!
    probabilities[name] = probability
    if (name === predicted) confidence = probability
  }
  return confidence === undefined ? undefined : { prediction, confidence, probabilities }
}

function asDeclared(dtype: Signature['outputs'][number]['dtype'], value: unknown): PredictedValue {
  if (value === undefined || value === null) return null
  if (dtype === 'string') return String(value)
  const number = Number(value)
  if (dtype === 'boolean') return number === 1
  return Number.isFinite(number) ? number : null
}

/** The probability of /predict: of class 1 for a binary 0/1 target, else of the predicted class. */
export function simpleProbability(signature: Signature, answer: Answer): number | undefined {
  const classes = signature.outputs[0]?.categories
  if (classes?.length === 2 && classes[0] === '0' && classes[1] === '1') return answer.probabilities?.['1']
  return answer.confidence
}
