// Scores of different methods lie in different places. For people they are brought to 0 … 1 by the logistic of their distance from
// the average destination of who asks, in standard deviations: 0.5 is an average item, also for who is not known at all.
import type { Scale } from './graph.ts'
import { addScores, type Recommender, type UserSide } from './recommender.ts'

const USERS = 100

export function scaleOf(model: Recommender, side: UserSide): Scale {
  const { rows } = side.preferences
  const scores = new Float32Array(model.bias.length)
  let [count, squares] = [0, 0]
  for (let at = 0; at < rows; at += Math.max(1, rows / USERS)) {
    scores.fill(0)
    addScores(model, side, Math.floor(at), scores)
    const own = scores.reduce((sum, score) => sum + score, 0) / scores.length
    for (const score of scores) squares += (score - own) ** 2
    count += scores.length
  }
  return { spread: count === 0 ? 1 : Math.sqrt(squares / count) || 1 }
}
