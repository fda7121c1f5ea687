// The last check before a model file is believed: the complete graph, run by ONNX Runtime from raw columns, must say what
// the learner says. A graph that does not is refused, however good its figures.
import { fail, type MlError } from '../../../core/failure.ts'
import type { ClassPredictions, NumberPredictions, Predictions } from './predictions.ts'

/** The graph computes in 32-bit floats, the learner in 64: about seven digits against sixteen. */
const TOLERANCE = 1e-5

export interface ParityInput {
  readonly graph: Predictions
  readonly learner: Predictions
  readonly classes?: readonly string[]
  /**
   * By how much rounding alone may move each of the learner's values; asked for only where they differ by more than
   * TOLERANCE. Weights that cancel each other make 32 bits too few, and that is no fault of the graph.
   */
  readonly rounding?: () => Float64Array
}

/**
 * Throws PARITY_FAILED with the first row (0-based, among the held-out rows) on which the two disagree. Answers with the
 * largest difference; above 1e-5 (of the largest value, for regression) it is due to rounding.
 */
export function checkParity({ graph, learner, classes = [], rounding }: ParityInput): number {
  const compare = (allowance?: Float64Array): Mismatch | undefined =>
    graph.task === 'classification' && learner.task === 'classification'
      ? classMismatch(graph, learner, { classes, allowance })
      : graph.task === 'regression' && learner.task === 'regression'
        ? numberMismatch(graph, learner, allowance)
        : { row: 0, graph: graph.task, learner: learner.task }
  let problem = compare()
  if (problem && rounding) problem = compare(rounding())
  if (problem) throw parityFailed(problem)
  return largestDifference(scoresOf(graph), scoresOf(learner))
}

/** Whether a difference is more than what 32-bit arithmetic explains in an ordinary model. */
export function isNotable(difference: number, learner: Predictions): boolean {
  return difference > TOLERANCE * (learner.task === 'classification' ? 1 : largest(learner.values))
}

interface Mismatch {
  readonly row: number
  readonly graph: unknown
  readonly learner: unknown
  readonly class?: string
}

function parityFailed(problem: Mismatch): MlError {
  const about = problem.class === undefined ? '' : ` for class "${problem.class}"`
  const message = `The model file does not predict what was learned: in held-out row ${problem.row} it says ${problem.graph} where the learner says ${problem.learner}${about}`
  return fail('internal', 'PARITY_FAILED', message, { details: { ...problem } })
}

interface ClassChoices {
  readonly classes: readonly string[]
  readonly allowance: Float64Array | undefined
}

function classMismatch(
  graph: ClassPredictions,
  learner: ClassPredictions,
  { classes, allowance }: ClassChoices,
): Mismatch | undefined {
  const width = classes.length
  if (graph.probabilities.length !== learner.probabilities.length) {
    return { row: 0, graph: `${graph.probabilities.length} probabilities`, learner: learner.probabilities.length }
  }
  const tolerance = (at: number) => TOLERANCE + (allowance?.[at] ?? 0)
  for (let row = 0; row < learner.labels.length; row++) {
    const offset = row * width
    for (let k = 0; k < width; k++) {
      const a = graph.probabilities[offset + k]!
      const b = learner.probabilities[offset + k]!
      if (!isClose(a, b, tolerance(offset + k))) return { row, graph: a, learner: b, class: classes[k]! }
    }
    const said = graph.labels[row]!
    const expected = learner.labels[row]!
    if (said === expected) continue
    const counted = (k: number, value: number | undefined) => (learner.preferred?.[k] ?? 1) * (value ?? Number.NaN)
    const [wanted, other] = [expected, said].map((k) => counted(k, learner.probabilities[offset + k]))
    const allowed = [expected, said].map((k) => counted(k, tolerance(offset + k)))
    const isTie = wanted! - other! <= allowed[0]! + allowed[1]!
    if (!isTie) return { row, graph: classes[said] ?? 'no known class', learner: classes[expected] }
  }
  return undefined
}

function numberMismatch(
  graph: NumberPredictions,
  learner: NumberPredictions,
  allowance: Float64Array | undefined,
): Mismatch | undefined {
  if (graph.values.length !== learner.values.length) {
    return { row: 0, graph: `${graph.values.length} values`, learner: learner.values.length }
  }
  // A prediction near zero is a difference of large terms; its error is relative to them, not to itself.
  const tolerance = TOLERANCE * largest(learner.values)
  for (let row = 0; row < learner.values.length; row++) {
    const a = graph.values[row]!
    const b = learner.values[row]!
    if (!isClose(a, b, tolerance + (allowance?.[row] ?? 0))) return { row, graph: a, learner: b }
  }
  return undefined
}

/** False for NaN and infinities: they are never the right answer. */
function isClose(a: number, b: number, tolerance: number): boolean {
  return Math.abs(a - b) <= tolerance && Number.isFinite(b)
}

function scoresOf(predictions: Predictions): ArrayLike<number> {
  return predictions.task === 'classification' ? predictions.probabilities : predictions.values
}

function largest(values: ArrayLike<number>): number {
  let size = 0
  for (let i = 0; i < values.length; i++) size = Math.max(size, Math.abs(values[i]!))
  return size
}

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let most = 0
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]! - b[i]!))
  return most
}
