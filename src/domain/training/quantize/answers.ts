// What a file answers to rows, as predictions that figures can be made of: a label with probabilities, class scores alone
// (the highest wins; scores that are no probabilities go through softmax, as in serving), or one number.
import type { Signature } from '../../../contract/models.ts'
import { valuesOf } from '../../../core/tensors.ts'
import type { InProcessSession } from '../../../runtime/in-process.ts'
import type { Tensors } from '../../../runtime/types.ts'
import { collectPredictions, mostProbable, type Predictions, readOutputs } from '../pipeline/predictions.ts'
import type { Feeder } from './feeds.ts'

const BATCH_ROWS = 128

/** Why nothing can be measured with this signature; undefined where something can. */
export function unmeasurable({ outputs }: Signature, task: Predictions['task']): string | undefined {
  const [main, scores] = outputs
  if (task === 'regression') return main?.categories ? 'it answers classes' : undefined
  if (!main?.categories) return 'the classes of its answers are not known'
  return scores === undefined && main.categories.length < 2 ? 'it answers no probabilities' : undefined
}

export interface Question {
  readonly session: InProcessSession
  readonly signature: Signature
  readonly feeder: Feeder
  readonly task: Predictions['task']
}

export async function predictAll({ session, signature, feeder, task }: Question): Promise<Predictions> {
  const classes = task === 'classification' ? signature.outputs[0]!.categories : undefined
  const names = signature.outputs.slice(0, classes ? 2 : 1).map(({ name }) => name)
  const collected = collectPredictions(feeder.rows, classes)
  const size = feeder.single ? 1 : BATCH_ROWS
  for (let start = 0; start < feeder.rows; start += size) {
    const length = Math.min(size, feeder.rows - start)
    const rows = Uint32Array.from({ length }, (_, i) => start + i)
    const { outputs } = await session.run(feeder.feeds(rows), { fetches: names })
    collected.add(
      rows,
      names.length === 1 && classes ? scoresOnly(outputs, names[0]!, classes) : readOutputs(outputs, names, classes),
    )
  }
  return collected.predictions
}

function scoresOnly(outputs: Tensors, name: string, classes: readonly string[]): Predictions {
  const scores = Float64Array.from(valuesOf(outputs[name]!) as ArrayLike<unknown>, Number)
  const width = classes.length
  for (let at = 0; at < scores.length; at += width) toProbabilities(scores.subarray(at, at + width))
  return { task: 'classification', probabilities: scores, labels: mostProbable(scores, width) }
}

const SUM_TOLERANCE = 1e-3

function toProbabilities(scores: Float64Array): void {
  const sum = scores.reduce((total, score) => total + score, 0)
  if (scores.every((score) => score >= 0 && score <= 1) && Math.abs(sum - 1) < SUM_TOLERANCE) return
  const highest = Math.max(...scores)
  let total = 0
  for (let k = 0; k < scores.length; k++) {
    scores[k] = Math.exp(scores[k]! - highest)
    total += scores[k]!
  }
  for (let k = 0; k < scores.length; k++) scores[k]! /= total
}
