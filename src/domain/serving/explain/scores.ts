// The numbers a model answers, as the games of explanations want them: one figure a row for what is explained.
import type { Signature } from '../../../contract/models.ts'
import { valuesOf } from '../../../core/tensors.ts'
import type { Tensors } from '../../../runtime/index.ts'
import { type Answer, readAnswers } from '../output.ts'

/** Name of what is explained: the predicted class, or 'prediction' for a number. */
export function outputOf(answer: Answer, signature: Signature): string {
  return isClassifier(signature, answer) ? String(answer.prediction) : 'prediction'
}

function isClassifier({ outputs: [main] }: Signature, answer: Answer): boolean {
  return main?.categories !== undefined || answer.probabilities !== undefined || main?.dtype !== 'number'
}

/** Probability of a class (1 or 0 where the model answers labels only), or the predicted number, of every row. */
export function scoresOf(signature: Signature, outputs: Tensors, of: { rows: number; output: string }): Float64Array {
  const [main, scores] = signature.outputs
  const place = main?.categories?.indexOf(of.output) ?? -1
  const given = scores && outputs[scores.name]
  if (given && place >= 0) {
    const values = valuesOf(given)
    const width = values.length / of.rows
    return Float64Array.from({ length: of.rows }, (_, row) => Number(values[row * width + place]))
  }
  return Float64Array.from(readAnswers(signature, outputs, of.rows), (answer) => {
    if (!isClassifier(signature, answer)) return numberOf(answer)
    return answer.probabilities?.[of.output] ?? Number(String(answer.prediction) === of.output)
  })
}

/** What is no number is not answered: null. */
function numberOf({ prediction }: Answer): number {
  return prediction === null ? Number.NaN : Number(prediction)
}

/** All probabilities of every row, or the predicted numbers; null where a model answers labels only. */
export function allScores(signature: Signature, outputs: Tensors, rows: number): Float64Array | null {
  const answers = readAnswers(signature, outputs, rows)
  const classes = signature.outputs[0]?.categories
  if (!isClassifier(signature, answers[0]!)) return Float64Array.from(answers, numberOf)
  if (!classes || !answers[0]?.probabilities) return null
  return Float64Array.from(answers.flatMap(({ probabilities }) => classes.map((name) => probabilities![name]!)))
}
