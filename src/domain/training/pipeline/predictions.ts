// What a model said about rows, whoever said it: the learner in memory, the finished file, or the live version's file.
// A class is its number in the class order of the target, whatever type the graph's label has.
import { fail } from '../../../core/failure.ts'
import type { Tensor, Tensors } from '../../../runtime/types.ts'

export interface ClassPredictions {
  readonly task: 'classification'
  /** Row-major, rows × classes. */
  readonly probabilities: Float32Array | Float64Array
  readonly labels: Int32Array
}

export interface NumberPredictions {
  readonly task: 'regression'
  readonly values: Float32Array | Float64Array
}

export type Predictions = ClassPredictions | NumberPredictions

/** The most probable class of each row; the first of equals. */
export function mostProbable(probabilities: ArrayLike<number>, classes: number): Int32Array {
  const labels = new Int32Array(probabilities.length / classes)
  for (let row = 0; row < labels.length; row++) {
    const offset = row * classes
    let best = 0
    for (let k = 1; k < classes; k++) if (probabilities[offset + k]! > probabilities[offset + best]!) best = k
    labels[row] = best
  }
  return labels
}

/** Reads `label` and `probabilities`, or the one number, from the outputs of a graph; a label of no class is -1. */
export function readOutputs(
  outputs: Tensors,
  names: readonly string[],
  classes: readonly string[] | undefined,
): Predictions {
  const first = tensorNamed(outputs, names[0])
  if (!classes) return { task: 'regression', values: floats(first) }
  const index = new Map(classes.map((name, i) => [name, i]))
  const boolean = classes.length === 2 && classes[0] === 'false' && classes[1] === 'true'
  const labels = Int32Array.from(first.data as ArrayLike<unknown>, (value) => {
    const name = boolean && typeof value !== 'string' ? String(Number(value) === 1) : String(value)
    return index.get(name) ?? -1
  })
  return { task: 'classification', labels, probabilities: floats(tensorNamed(outputs, names[1])) }
}

function tensorNamed(outputs: Tensors, name: string | undefined): Tensor {
  const tensor = name === undefined ? undefined : outputs[name]
  if (!tensor) throw fail('internal', 'MODEL_OUTPUT_MISSING', `The graph did not answer its output "${name}"`)
  return tensor
}

function floats({ data }: Tensor): Float32Array | Float64Array {
  if (data instanceof Float32Array || data instanceof Float64Array) return data
  return Float64Array.from(data as ArrayLike<unknown>, Number)
}

/** Predictions of consecutive chunks as one. */
export function concatPredictions(parts: readonly Predictions[]): Predictions {
  const first = parts[0]
  if (!first || first.task === 'regression') {
    return { task: 'regression', values: concat(parts.map((part) => (part as NumberPredictions).values)) }
  }
  const classParts = parts as readonly ClassPredictions[]
  const labels = new Int32Array(classParts.reduce((sum, part) => sum + part.labels.length, 0))
  let at = 0
  for (const part of classParts) {
    labels.set(part.labels, at)
    at += part.labels.length
  }
  return { task: 'classification', labels, probabilities: concat(classParts.map((part) => part.probabilities)) }
}

function concat(parts: readonly (Float32Array | Float64Array)[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}
