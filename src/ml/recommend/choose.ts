// Which method recommends: every candidate is fitted on the earlier events and ranked by the NDCG of its lists of ten on the
// later ones; the winner is fitted once more on all of them.
import { CANDIDATES, type Candidate, fitCandidate, type RecommendData } from './candidates.ts'
import { evaluateRanking, type RankingMetrics, splitAt, splitByTime, type TimeSplit } from './evaluate.ts'
import { type Feedback, filterFeedback, preferenceMatrix } from './feedback.ts'
import { ratingError } from './ratings.ts'
import { addScores, type Recommender } from './recommender.ts'

export interface Standing extends Candidate {
  readonly metrics: RankingMetrics
}

export interface Choice {
  readonly recommender: Recommender
  readonly winner: Standing
  /** Best first. */
  readonly standings: readonly Standing[]
  /** The best that needs to know nobody: what a new version must at least reach. */
  readonly floor: Standing
  /** Where the later events begin, in milliseconds since 1970; absent where times tell no order. */
  readonly splitMs?: number
  /** Events that the candidates were fitted on, and those that were held out. */
  readonly events: { readonly before: number; readonly after: number }
  readonly rmse?: number
}

export interface ChooseOptions {
  readonly candidates?: readonly Candidate[]
  readonly testFraction?: number
  readonly k?: number
  /** Only what is later is foretold, where there is enough of it: what another model to be compared with has not seen. */
  readonly notBeforeMs?: number
  readonly onProgress?: (share: number, candidate: Candidate) => void
}

/** Fewer ratings than this say nothing about how well ratings are foretold. */
const FEWEST_RATINGS = 50

export function chooseRecommender(data: RecommendData, options: ChooseOptions = {}): Choice {
  const { testFraction = 0.2, k = 10, onProgress } = options
  const { before, after, atMs } = laterOf(data, testFraction, options.notBeforeMs)
  const ratings = atMs === undefined ? withoutPairsOf(after, data.ratings) : splitAt(data.ratings, atMs).before
  const train: RecommendData = { ...data, feedback: before, ratings, atMs: atMs ?? data.atMs }
  const task = { known: preferenceMatrix(before), wanted: preferenceMatrix(after), k }
  const side = { preferences: task.known, userTokens: data.userTokens }
  const competing = (options.candidates ?? CANDIDATES).filter(
    ({ method }) => method !== 'biased_mf' || ratings.items.length >= FEWEST_RATINGS,
  )
  const standings = competing.map((candidate, index): Standing => {
    onProgress?.(index / (competing.length + 1), candidate)
    const model = fitCandidate(train, candidate)
    return { ...candidate, metrics: evaluateRanking((user, into) => addScores(model, side, user, into), task) }
  })
  const ranked = standings.toSorted((a, b) => b.metrics.ndcg - a.metrics.ndcg)
  const winner = ranked[0]!
  onProgress?.(competing.length / (competing.length + 1), winner)
  const rmse = data.ratings.items.length >= FEWEST_RATINGS ? ratingError(data.ratings, data.seed) : undefined
  return {
    recommender: fitCandidate(data, winner),
    winner,
    standings: ranked,
    floor: ranked.find(({ method }) => method === 'popularity') ?? winner,
    events: { before: before.items.length, after: after.items.length },
    ...(atMs !== undefined && { splitMs: atMs }),
    ...(rmse !== undefined && { rmse }),
  }
}

/** A rating is feedback as well: one that is held out there must not be learned from here. */
function withoutPairsOf({ users, items, itemCount }: Feedback, ratings: Feedback): Feedback {
  const held = new Set(Array.from(users, (user, at) => user * itemCount + items[at]!))
  return filterFeedback(ratings, (at) => !held.has(ratings.users[at]! * itemCount + ratings.items[at]!))
}

/** Fewer later events than this tell two models apart by luck. */
const FEWEST_LATER = 50

function laterOf({ feedback, seed }: RecommendData, fraction: number, notBeforeMs: number | undefined): TimeSplit {
  const split = splitByTime(feedback, fraction, seed)
  if (notBeforeMs === undefined || (split.atMs !== undefined && split.atMs >= notBeforeMs)) return split
  const later = splitAt(feedback, notBeforeMs)
  const enough = later.after.items.length >= FEWEST_LATER && later.after.items.length <= later.before.items.length
  return enough ? { ...later, atMs: notBeforeMs } : split
}
