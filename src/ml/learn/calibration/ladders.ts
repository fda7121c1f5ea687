// Isotonic maps at work: in the learner's own prediction and as ONNX nodes. One map a score; with several classes each is
// told apart from all others, and the shares are divided by their sum.
import type { GraphBuilder, Value } from '../../onnx/graph.ts'
import { climb, fitIsotonic, type Ladder } from './isotonic.ts'
import type { ScoredClasses } from './temperature.ts'

/** One map for two classes (of the score of the second), else one a class (of its softmax). */
export type Ladders = readonly Ladder[]

/** A score of two classes is a log-odds, a softmax a share of 1. */
const CLOSEST_LOG_ODDS = 0.05
const CLOSEST_SHARE = 1 / 256

/** `scores` holds log-odds of the second class with `classes` 1, else softmaxes. */
export function fitLadders({ scores, classes, labels, weights }: ScoredClasses): Ladders {
  return Array.from({ length: classes }, (_, k) => {
    const hit = classes === 1 ? 1 : k
    const ladder = fitIsotonic({
      scores: Float64Array.from(labels, (_, row) => scores[row * classes + k]!),
      hits: Uint8Array.from(labels, (label) => Number(label === hit)),
      weights,
      closest: classes === 1 ? CLOSEST_LOG_ODDS : CLOSEST_SHARE,
    })
    return { scores: ladder.scores.map(Math.fround), shares: ladder.shares.map(Math.fround) }
  })
}

/** Row-major probabilities of all classes. */
export function climbAll(ladders: Ladders, scores: Float64Array): Float64Array {
  if (ladders.length === 1) {
    const out = new Float64Array(scores.length * 2)
    scores.forEach((score, row) => {
      const share = climb(ladders[0]!, score)
      out[2 * row] = 1 - share
      out[2 * row + 1] = share
    })
    return out
  }
  const width = ladders.length
  const out = scores.map((score, i) => climb(ladders[i % width]!, score))
  for (let start = 0; start < out.length; start += width) {
    const own = out.subarray(start, start + width)
    const sum = own.reduce((total, share) => total + share, 0)
    for (let k = 0; k < width; k++) own[k]! /= sum
  }
  return out
}

/** From [N, 1] log-odds or [N, classes] softmaxes to [N, classes] probabilities. */
export function writeLadders(graph: GraphBuilder, scores: Value, ladders: Ladders): Value {
  const shares = writeClimb(graph, scores, ladders)
  if (ladders.length > 1) {
    const axis = graph.constant('axis', { type: 'int64', dims: [1], data: [1] })
    return graph.node('Div', [shares, graph.node('ReduceSum', [shares, axis])], { hint: 'calibrated' })
  }
  const one = graph.constant('one', { type: 'float32', dims: [], data: Float32Array.of(1) })
  const first = graph.node('Sub', [one, shares], { hint: 'first' })
  return graph.node('Concat', [first, shares], { attributes: { axis: { int: 1 } }, hint: 'calibrated' })
}

/**
 * share = base[i] + rise[i]·(score − origin[i]), i being the number of knots not above the score: counted by comparing
 * with all of them. The tables of all classes lie behind each other, each as long as the longest.
 */
function writeClimb(graph: GraphBuilder, scores: Value, ladders: Ladders): Value {
  const classes = ladders.length
  const most = Math.max(...ladders.map((ladder) => ladder.scores.length))
  const float32 = (hint: string, dims: readonly number[], data: Float32Array) =>
    graph.constant(hint, { type: 'float32', dims, data })
  const knots = new Float32Array(classes * most).fill(Number.POSITIVE_INFINITY)
  ladders.forEach((ladder, k) => {
    knots.set(ladder.scores, k * most)
  })
  const { base, rise, origin } = pieces(ladders, most + 1)
  const axis = graph.constant('axis', { type: 'int64', dims: [1], data: [2] })
  const column = graph.node('Unsqueeze', [scores, axis])
  const above = graph.node('GreaterOrEqual', [column, float32('knots', [1, classes, most], knots)])
  const ones = graph.node('Cast', [above], { attributes: { to: { int: 7 } } })
  const count = graph.node('ReduceSum', [ones, axis], { attributes: { keepdims: { int: 0 } }, hint: 'passed' })
  const starts = Array.from({ length: classes }, (_, k) => k * (most + 1))
  const piece = graph.node('Add', [count, graph.constant('starts', { type: 'int64', dims: [classes], data: starts })])
  const pick = (hint: string, data: Float32Array) => graph.node('Gather', [float32(hint, [data.length], data), piece])
  const beyond = graph.node('Sub', [scores, pick('origin', origin)])
  return graph.node('Add', [pick('base', base), graph.node('Mul', [pick('rise', rise), beyond])], { hint: 'share' })
}

function pieces(ladders: Ladders, length: number) {
  const base = new Float32Array(ladders.length * length)
  const rise = new Float32Array(ladders.length * length)
  const origin = new Float32Array(ladders.length * length)
  ladders.forEach(({ scores, shares }, k) => {
    for (let i = 0; i < length; i++) {
      const at = k * length + i
      const from = Math.min(Math.max(i - 1, 0), shares.length - 1)
      base[at] = shares[from]!
      origin[at] = scores[from]!
      if (i > 0 && i < shares.length) rise[at] = (shares[i]! - shares[i - 1]!) / (scores[i]! - scores[i - 1]!)
    }
  })
  return { base, rise, origin }
}
