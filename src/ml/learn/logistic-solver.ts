// The search for the weights of a logistic regression, once or along a path of strengths: what can be prepared once (the
// folding of sparse columns) is, and every search but the first starts from the answer of the one before.
import type { Matrix } from '../matrix.ts'
import { foldColumns } from './fold.ts'
import type { ClassTarget, LearningHooks } from './learner.ts'
import { type LossInput, logisticLoss } from './logistic-loss.ts'
import { curvatureOf, minimise, type Objective } from './minimise.ts'
import type { Solve } from './path.ts'
import { classTotals, type RowWeights } from './row-weights.ts'
import { selectMatrixRows, startingRows } from './sample.ts'
import { softmaxLoss } from './softmax-loss.ts'

export interface LogisticData {
  readonly matrix: Matrix
  readonly target: ClassTarget
  readonly weighting: RowWeights
  readonly l2: number
  readonly l1: number
  readonly intercept: boolean
}

export interface SolverOptions {
  /** 1 for two classes, else the number of classes. */
  readonly outputs: number
  readonly maxIterations: number
  readonly tolerance: number
  readonly seed: number
}

export interface LogisticFit {
  /** [column · outputs + output]. */
  readonly weights: Float64Array
  readonly bias: Float64Array
  readonly iterations: number
  readonly converged: boolean
}

export function logisticSolver(given: LogisticData, options: SolverOptions): Solve<LogisticFit> {
  const { outputs } = options
  const folded = given.matrix.form === 'csr' && given.l1 === 0 ? foldColumns(given.matrix) : undefined
  const data: LogisticData = { ...given, matrix: folded?.matrix ?? given.matrix }
  const penalised = data.matrix.cols * outputs
  let before: Float64Array | undefined
  return (factor, hooks) => {
    const scaled = { ...data, l2: data.l2 * factor, l1: data.l1 * factor }
    const { at, iterations, converged } = search(scaled, { ...options, hooks, before })
    before = at
    const fitted = at.subarray(0, penalised)
    const weights = folded ? folded.unfold(fitted, outputs) : fitted
    const bias = data.intercept ? at.subarray(penalised) : new Float64Array(outputs)
    return { weights, bias, iterations, converged }
  }
}

interface SearchOptions extends SolverOptions {
  readonly hooks: LearningHooks
  readonly before: Float64Array | undefined
}

/** Where there are many rows, a search over a part of them gives the starting point and a first idea of the curvature. */
function search(data: LogisticData, { outputs, seed, hooks, before, maxIterations, tolerance }: SearchOptions) {
  const { matrix, target, weighting } = data
  const objective = objectiveOf(data, outputs)
  const curvature = curvatureOf(objective)
  const penalised = matrix.cols * outputs
  const l1 = { strength: data.l1 / weighting.total, count: penalised }
  const options = { maxIterations, tolerance, l1, curvature }
  if (before) return minimise(objective, before, { ...options, hooks })
  let start: Float64Array = new Float64Array(objective.size)
  if (data.intercept) start.set(priors(target, weighting), penalised)
  const rows = startingRows(matrix, seed)
  const some = rows && someRows(data, rows)
  if (some && some.weighting.total > 0) {
    const silent = { ...hooks, onProgress: () => undefined }
    start = minimise(objectiveOf(some, outputs), start, { ...options, hooks: silent }).at
  }
  return minimise(objective, start, { ...options, hooks })
}

/** Some of the rows, with the L2 penalty per row as strong as for all. L1 is left as it is: `search` scales it itself. */
function someRows(data: LogisticData, rows: Uint32Array): LogisticData {
  const { matrix, target, weighting } = data
  const weights = weighting.weights && Float64Array.from(rows, (row) => weighting.weights![row]!)
  const total = weights ? weights.reduce((sum, weight) => sum + weight, 0) : rows.length
  return {
    ...data,
    matrix: selectMatrixRows(matrix, rows),
    target: { ...target, labels: Int32Array.from(rows, (row) => target.labels[row]!) },
    weighting: { weights, total },
    l2: (data.l2 * total) / weighting.total,
  }
}

/** A problem of its own over some of the rows, both penalties per row as strong as over all. */
export function partOf(data: LogisticData, rows: Uint32Array): LogisticData {
  const part = someRows(data, rows)
  return { ...part, l1: (data.l1 * part.weighting.total) / data.weighting.total }
}

function objectiveOf({ matrix, target, weighting, l2, intercept }: LogisticData, outputs: number): Objective {
  const loss: LossInput = { matrix, weights: weighting.weights, totalWeight: weighting.total, l2, intercept }
  return outputs === 1 ? logisticLoss(loss, target.labels) : softmaxLoss(loss, target.labels, outputs)
}

/** The intercepts of a model that knows only how frequent the classes are. */
function priors({ labels, classes }: ClassTarget, { weights }: RowWeights): Float64Array {
  const logs = classTotals(labels, classes.length, weights).map((total) => Math.log(Math.max(total, 1e-3)))
  if (classes.length === 2) return Float64Array.of(logs[1]! - logs[0]!)
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length
  return logs.map((log) => log - mean)
}
