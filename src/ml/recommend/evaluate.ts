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

const DAY_MS = 86_400_000
/** Of those who did something later, fewer than this share are known: the later ones are others. */
const FEW_KNOWN = 0.1

/** The last `fraction` of the events, and those before them. Times that tell no order are no reason to divide by them: then by chance. */
export function splitByTime(feedback: Feedback, fraction: number, seed: number): TimeSplit {
  const sorted = Float64Array.from(feedback.times).sort()
  const atMs = sorted[Math.floor((1 - fraction) * sorted.length)] ?? 0
  const early = sorted.findIndex((time) => time >= atMs)
  const byTime = splitAt(feedback, atMs)
  if (early >= sorted.length / 2 && !isOfRecording(sorted, byTime)) return { ...byTime, atMs }
  return splitByChance(feedback, fraction, seed)
}

/**
 * Interactions that were given without their moments, one user after the other, have that of their recording: nearly all lie within a
 * day, and the last ones are of users who did nothing before, of whom nothing personal can be foretold.
 */
function isOfRecording(sorted: Float64Array, { before, after }: { before: Feedback; after: Feedback }): boolean {
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!
  if (at(0.95) - at(0.05) > DAY_MS) return false
  const known = new Set(before.users)
  const later = [...new Set(after.users)]
  return later.filter((user) => known.has(user)).length < FEW_KNOWN * later.length
}

function splitByChance(feedback: Feedback, fraction: number, seed: number): TimeSplit {
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

export function evaluateRanking(score: Scorer, task: RankingTask): RankingMetrics {
  const { known, wanted, k } = task
  const scores = new Float32Array(wanted.columns)
  const shown = new Set<number>()
  let [recall, ndcg, count] = [0, 0, 0]
  for (const { user, wishes } of lookedAt(task)) {
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

interface Wishing {
  readonly user: number
  readonly wishes: ReadonlySet<number>
}

/** Users who wanted something new, and what. */
export function lookedAt({ known, wanted, mostUsers = 2000 }: RankingTask): Wishing[] {
  const all = usersWithWishes(known, wanted)
  const step = Math.max(1, all.length / mostUsers)
  return Array.from({ length: Math.ceil(all.length / step) }, (_, at) => all[Math.floor(at * step)]!)
}

function usersWithWishes(known: SparseMatrix, wanted: SparseMatrix): Wishing[] {
  const found: Wishing[] = []
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
