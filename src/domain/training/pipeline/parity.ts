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
}

/** Throws PARITY_FAILED with the first row (0-based, among the held-out rows) on which the two disagree. */
export function checkParity({ graph, learner, classes = [] }: ParityInput): void {
  const problem =
    graph.task === 'classification' && learner.task === 'classification'
      ? classMismatch(graph, learner, classes)
      : graph.task === 'regression' && learner.task === 'regression'
        ? numberMismatch(graph, learner)
        : { row: 0, graph: graph.task, learner: learner.task }
  if (problem) throw parityFailed(problem)
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

function classMismatch(
  graph: ClassPredictions,
  learner: ClassPredictions,
  classes: readonly string[],
): Mismatch | undefined {
  const width = classes.length
  if (graph.probabilities.length !== learner.probabilities.length) {
    return { row: 0, graph: `${graph.probabilities.length} probabilities`, learner: learner.probabilities.length }
  }
  for (let row = 0; row < learner.labels.length; row++) {
    const offset = row * width
    for (let k = 0; k < width; k++) {
      const a = graph.probabilities[offset + k]!
      const b = learner.probabilities[offset + k]!
      if (!isClose(a, b, 1)) return { row, graph: a, learner: b, class: classes[k]! }
    }
    const said = graph.labels[row]!
    const expected = learner.labels[row]!
    if (said === expected) continue
    const lead = learner.probabilities[offset + expected]! - (learner.probabilities[offset + said] ?? Number.NaN)
    if (!(lead <= 2 * TOLERANCE)) return { row, graph: classes[said] ?? 'no known class', learner: classes[expected] }
  }
  return undefined
}

function numberMismatch(graph: NumberPredictions, learner: NumberPredictions): Mismatch | undefined {
  if (graph.values.length !== learner.values.length) {
    return { row: 0, graph: `${graph.values.length} values`, learner: learner.values.length }
  }
  // A prediction near zero is a difference of large terms; its error is relative to them, not to itself.
  let scale = 0
  for (const value of learner.values) scale = Math.max(scale, Math.abs(value))
  for (let row = 0; row < learner.values.length; row++) {
    const a = graph.values[row]!
    const b = learner.values[row]!
    if (!isClose(a, b, scale)) return { row, graph: a, learner: b }
  }
  return undefined
}

/** False for NaN and infinities: they are never the right answer. */
function isClose(a: number, b: number, scale: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(scale, Math.abs(b)) && Number.isFinite(b)
}
