// Offline evaluation of ranked lists: what users did after a moment, foretold from what everybody did before it. Splitting by
// time keeps tomorrow's fashion out of today's training, which a random split lets in.
import { seededRandom } from '../../core/random.ts'
import { type Feedback, filterFeedback, type SparseMatrix } from './feedback.ts'

/** Writes a score for every item: higher is better, -Infinity never. */
export type Scorer = (user: number, into: Float32Array) => void

export interface RankingMetrics {
  /** Share of what users wanted that is in their list of k, averaged over users. */
  readonly recall: number
  /** Normalised discounted cumulative gain of the list, relevance 0 or 1 (Järvelin and Kekäläinen 2002). */
  readonly ndcg: number
  /** Share of all items that are in anybody's list. */
  readonly coverage: number
  readonly users: number
}

export interface TimeSplit {
  readonly before: Feedback
  readonly after: Feedback
  /** Milliseconds since 1970; absent where the times tell no order, so that the events were dealt out by chance. */
  readonly atMs?: number
}

/** The last `fraction` of the events, and those before them. Times that are all the same give no order: then by chance. */
export function splitByTime(feedback: Feedback, fraction: number, seed: number): TimeSplit {
  const sorted = Float64Array.from(feedback.times).sort()
  const atMs = sorted[Math.floor((1 - fraction) * sorted.length)] ?? 0
  const early = sorted.findIndex((time) => time >= atMs)
  if (early >= sorted.length / 2) return { ...splitAt(feedback, atMs), atMs }
  const random = seededRandom(seed)
  const late = Uint8Array.from(feedback.times, () => Number(random.next() < fraction))
  return {
    before: filterFeedback(feedback, (event) => late[event] === 0),
    after: filterFeedback(feedback, (event) => late[event] === 1),
  }
}

export function splitAt(feedback: Feedback, atMs: number): { readonly before: Feedback; readonly after: Feedback } {
  return {
    before: filterFeedback(feedback, (event) => feedback.times[event]! < atMs),
    after: filterFeedback(feedback, (event) => feedback.times[event]! >= atMs),
  }
}

export interface RankingTask {
  /** What was known: not recommended again. */
  readonly known: SparseMatrix
  /** What came later; what was known already is not counted. */
  readonly wanted: SparseMatrix
  readonly k: number
  /** At most so many users are looked at, evenly spread. */
  readonly mostUsers?: number
}

export function evaluateRanking(score: Scorer, { known, wanted, k, mostUsers = 2000 }: RankingTask): RankingMetrics {
  const users = usersWithWishes(known, wanted)
  const step = Math.max(1, users.length / mostUsers)
  const scores = new Float32Array(wanted.columns)
  const shown = new Set<number>()
  let [recall, ndcg, count] = [0, 0, 0]
  for (let at = 0; at < users.length; at += step) {
    const { user, wishes } = users[Math.floor(at)]!
    scores.fill(0)
    score(user, scores)
    for (const item of rowOf(known, user)) scores[item] = Number.NEGATIVE_INFINITY
    const list = topItems(scores, k)
    for (const item of list) shown.add(item)
    recall += list.filter((item) => wishes.has(item)).length / wishes.size
    ndcg += gainOf(list, wishes) / idealGain(Math.min(k, wishes.size))
    count++
  }
  const mean = (sum: number) => (count > 0 ? sum / count : 0)
  return { recall: mean(recall), ndcg: mean(ndcg), coverage: shown.size / Math.max(1, wanted.columns), users: count }
}

function usersWithWishes(known: SparseMatrix, wanted: SparseMatrix) {
  const found: { readonly user: number; readonly wishes: ReadonlySet<number> }[] = []
  for (let user = 0; user < wanted.rows; user++) {
    const before = new Set(rowOf(known, user))
    const wishes = new Set([...rowOf(wanted, user)].filter((item) => !before.has(item)))
    if (wishes.size > 0) found.push({ user, wishes })
  }
  return found
}

function rowOf({ starts, indices }: SparseMatrix, row: number): Int32Array {
  return indices.subarray(starts[row]!, starts[row + 1]!)
}

function gainOf(list: readonly number[], wishes: ReadonlySet<number>): number {
  return list.reduce((sum, item, rank) => sum + (wishes.has(item) ? 1 / Math.log2(rank + 2) : 0), 0)
}

function idealGain(count: number): number {
  let sum = 0
  for (let rank = 0; rank < count; rank++) sum += 1 / Math.log2(rank + 2)
  return sum
}

/** The k items with the highest scores, best first; of equal ones the first item. Those of -Infinity are left out. */
export function topItems(scores: Float32Array, k: number): number[] {
  const best: number[] = []
  for (let item = 0; item < scores.length; item++) {
    const score = scores[item]!
    if (score === Number.NEGATIVE_INFINITY) continue
    if (best.length === k && score <= scores[best[k - 1]!]!) continue
    let place = best.length < k ? best.length : k - 1
    while (place > 0 && scores[best[place - 1]!]! < score) {
      best[place] = best[place - 1]!
      place--
    }
    best[place] = item
  }
  return best
}
