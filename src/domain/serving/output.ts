// The answer of a model, from tensors to what a caller reads.
import type { Signature } from '../../contract/models.ts'
import { fail } from '../../core/failure.ts'
import type { Tensor } from '../../runtime/index.ts'

export type PredictedValue = string | number | boolean | null

export interface Answer {
  readonly prediction: PredictedValue
  /** Probability of the predicted class; classification only. */
  readonly confidence?: number
  /** Class → probability, in class order. */
  readonly probabilities?: Record<string, number>
}

/** Reads the outputs of `rows` rows by the signature: `label` + `probabilities`, or one numeric output. */
export function readAnswers(signature: Signature, outputs: Readonly<Record<string, Tensor>>, rows: number): Answer[] {
  const [main, scores] = signature.outputs
  const values = main && outputs[main.name]
  if (!main || !values) throw fail('internal', 'MODEL_OUTPUT_MISSING', 'The model did not answer its declared output')
  const probabilities = scores && outputs[scores.name]
  const classes = main.categories
  const width = probabilities && rows > 0 ? probabilities.data.length / rows : 0
  const answers: Answer[] = new Array(rows)
  for (let row = 0; row < rows; row++) {
    const prediction = asDeclared(main.dtype, values.data[row])
    if (!probabilities || !classes) answers[row] = { prediction }
    else answers[row] = withProbabilities(prediction, classes, probabilities.data, row * width)
  }
  return answers
}

function withProbabilities(
  prediction: PredictedValue,
  classes: readonly string[],
  scores: Tensor['data'],
  offset: number,
): Answer {
  const probabilities: Record<string, number> = {}
  const predicted = String(prediction)
  let confidence = 0
  for (let k = 0; k < classes.length; k++) {
    const probability = Number(scores[offset + k])
    const name = classes[k]!
    probabilities[name] = probability
    if (name === predicted) confidence = probability
  }
  return { prediction, confidence, probabilities }
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
