// Scores of different methods lie in different places. For people they are brought to 0 … 1 by the logistic of their distance from
// the average destination of who asks: 0.5 is an average item, also for who is not known at all. The unit of the distance is the
// standard deviation; among thousands of items, of which few speak to anybody, those few lie tens of them away, and all would be 1.
import type { SparseMatrix } from './feedback.ts'
import type { Scale } from './graph.ts'
import { addScores, type Recommender, type UserSide } from './recommender.ts'

const USERS = 100
/** So many units away lies the best new item of a user, on the median, at most: a score of 0.98. */
const FARTHEST = 4

export function scaleOf(model: Recommender, side: UserSide): Scale {
  const { rows } = side.preferences
  const scores = new Float32Array(model.bias.length)
  const best: number[] = []
  let [count, squares] = [0, 0]
  for (let at = 0; at < rows; at += Math.max(1, rows / USERS)) {
    const user = Math.floor(at)
    scores.fill(0)
    addScores(model, side, user, scores)
    const own = scores.reduce((sum, score) => sum + score, 0) / scores.length
    for (const score of scores) squares += (score - own) ** 2
    count += scores.length
    best.push(bestNew(scores, side.preferences, user) - own)
  }
  const spread = Math.max(count === 0 ? 0 : Math.sqrt(squares / count), medianOf(best) / FARTHEST)
  return { spread: spread || 1 }
}

function bestNew(scores: Float32Array, { starts, indices }: SparseMatrix, user: number): number {
  for (const item of indices.subarray(starts[user]!, starts[user + 1]!)) scores[item] = Number.NEGATIVE_INFINITY
  return scores.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
}

/** 0 of none. Who knows every item already is told of none. */
function medianOf(values: readonly number[]): number {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}
