// What a model said about rows, whoever said it: the learner in memory, the finished file, or the live version's file.
// A class is its number in the class order of the target, whatever type the graph's label has.
import { fail } from '../../../core/failure.ts'
import { valuesOf } from '../../../core/tensors.ts'
import type { Tensor, Tensors } from '../../../runtime/types.ts'

export interface ClassPredictions {
  readonly task: 'classification'
  /** Row-major, rows × classes. */
  readonly probabilities: Float32Array | Float64Array
  readonly labels: Int32Array
  /** Of the learner: what the probability of each class counts in its labels. */
  readonly preferred?: Float64Array
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

/**
 * Reads `label` and `probabilities`, or the one number, from the outputs of a graph; a label of no class is -1. Where no
 * label is a class, they were given other names when the graph was imported: the probabilities decide.
 */
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
  const probabilities = floats(tensorNamed(outputs, names[1]))
  const isRenamed = labels.every((label) => label < 0)
  return {
    task: 'classification',
    labels: isRenamed ? mostProbable(probabilities, classes.length) : labels,
    probabilities,
  }
}

function tensorNamed(outputs: Tensors, name: string | undefined): Tensor {
  const tensor = name === undefined ? undefined : outputs[name]
  if (!tensor) throw fail('internal', 'MODEL_OUTPUT_MISSING', `The graph did not answer its output "${name}"`)
  return tensor
}

function floats(tensor: Tensor): Float32Array | Float64Array {
  const data = valuesOf(tensor)
  if (data instanceof Float32Array || data instanceof Float64Array) return data
  return Float64Array.from(data as ArrayLike<unknown>, Number)
}

export interface CollectedPredictions {
  /** `part` is about the rows named, in their order. */
  add(rows: Uint32Array, part: Predictions): void
  /** Of all rows, complete once each has been added. */
  readonly predictions: Predictions
}

/** Puts the predictions of batches of rows where the rows are. */
export function collectPredictions(rows: number, classes: readonly string[] | undefined): CollectedPredictions {
  const width = classes?.length ?? 1
  const values = new Float64Array(rows * width).fill(Number.NaN)
  const labels = new Int32Array(classes ? rows : 0).fill(-1)
  return {
    predictions: classes ? { task: 'classification', labels, probabilities: values } : { task: 'regression', values },
    add(places, part) {
      const given = part.task === 'classification' ? part.probabilities : part.values
      if (given.length !== places.length * width) {
        throw fail('invalid', 'MODEL_OUTPUT_INVALID', `The model gave ${given.length} values for ${places.length} rows`)
      }
      for (let i = 0; i < places.length; i++) {
        values.set(given.subarray(i * width, (i + 1) * width), places[i]! * width)
        if (part.task === 'classification') labels[places[i]!] = part.labels[i]!
      }
    },
  }
}
