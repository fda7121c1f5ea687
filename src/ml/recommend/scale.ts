// Scores of different methods lie in different places. For people they are brought to 0 … 1 by the logistic of their distance
// from the average score, in standard deviations, over users and items evenly spread: 0.5 is an average item.
import type { Scale } from './graph.ts'
import { addScores, type Recommender, type UserSide } from './recommender.ts'

const USERS = 100

export function scaleOf(model: Recommender, side: UserSide): Scale {
  const { rows } = side.preferences
  const scores = new Float32Array(model.bias.length)
  let [count, sum, squares] = [0, 0, 0]
  for (let at = 0; at < rows; at += Math.max(1, rows / USERS)) {
    scores.fill(0)
    addScores(model, side, Math.floor(at), scores)
    for (const score of scores) {
      sum += score
      squares += score ** 2
      count++
    }
  }
  if (count === 0) return { centre: 0, spread: 1 }
  const centre = sum / count
  return { centre, spread: Math.sqrt(Math.max(0, squares / count - centre ** 2)) || 1 }
}
