// Foretelling ratings: biased factorisations of many settings, and neighbours among items, are judged on folds of the ratings; a few
// of them, drawn one after the other so that their average is best there, answer together. Models that end in different places err
// in different ones, so their average is better than the best of them.
import { seededRandom } from '../../core/random.ts'
import { splitByTime } from './evaluate.ts'
import { type Feedback, filterFeedback, ratingMatrix, type SparseMatrix } from './feedback.ts'
import { fitMember, isPlain, membersFor, type RatingMember } from './rating-members.ts'

/** The rating a user would give, within the range of those that were given. */
export type RatingModel = (user: number, item: number) => number

const FOLDS = 5
/** Above this one fold is enough to tell settings apart, and costs a fifth. */
const FEW = 30_000
/** Draws, with repeats (Caruana et al. 2004). */
const DRAWS = 12

interface Part {
  readonly before: SparseMatrix
  readonly after: Feedback
}

interface Share {
  readonly member: RatingMember
  readonly share: number
}

/** @param ratings of several of one pair the latest counts. At least one. */
export function fitRatings(ratings: Feedback, seed: number): RatingModel {
  const shares = chooseMembers(ratings, seed)
  const cells = ratingMatrix(ratings)
  const [least, most] = rangeOf(ratings.weights)
  const fitted = shares.map(({ member, share }, at) => ({ share, model: fitMember(cells, member, seed + at) }))
  return (user, item) => {
    const said = fitted.reduce((sum, { share, model }) => sum + share * model(user, item), 0)
    return Math.min(most, Math.max(least, said))
  }
}

/** Those whose average is best on what is left out, and their shares, which add up to 1. */
export function chooseMembers(ratings: Feedback, seed: number): readonly Share[] {
  const parts = partsOf(ratings, seed)
  const actual = Float64Array.from(parts.flatMap(({ after }) => [...after.weights]))
  const said = new Map<RatingMember, Float64Array>()
  const judge = (member: RatingMember) => {
    const own = Float64Array.from(parts.flatMap((part) => [...foretold(part, member, seed)]))
    said.set(member, own)
    return errorOf(own, actual)
  }
  for (const round of membersFor(ratings)) round(judge)
  const together = draw([...said], actual)
  const [plainest] = [...said]
    .filter(([member]) => isPlain(member))
    .sort((a, b) => errorOf(a[1], actual) - errorOf(b[1], actual))
  const joint = actual.map((_, at) =>
    together.reduce((sum, { member, share }) => sum + share * said.get(member)![at]!, 0),
  )
  return isBetter(joint, plainest![1], actual) ? together : [{ member: plainest![0], share: 1 }]
}

/** By more than twice what chance alone makes of it: of many settings one is always a little better on what is noise. */
function isBetter(said: Float64Array, plain: Float64Array, actual: Float64Array): boolean {
  const gains = actual.map((value, at) => (plain[at]! - value) ** 2 - (said[at]! - value) ** 2)
  const mean = gains.reduce((a, b) => a + b, 0) / gains.length
  const variance = gains.reduce((sum, gain) => sum + (gain - mean) ** 2, 0) / gains.length
  return mean > 2 * Math.sqrt(variance / gains.length)
}

function foretold({ before, after }: Part, member: RatingMember, seed: number): Float64Array {
  const model = fitMember(before, member, seed)
  return Float64Array.from(after.users, (user, at) => model(user, after.items[at]!))
}

function draw(candidates: readonly (readonly [RatingMember, Float64Array])[], actual: Float64Array): Share[] {
  const sums = new Float64Array(actual.length)
  const drawn = new Map<RatingMember, number>()
  for (let count = 1; count <= DRAWS; count++) {
    const errors = candidates.map(([, said]) => {
      let squares = 0
      for (let at = 0; at < actual.length; at++) squares += ((sums[at]! + said[at]!) / count - actual[at]!) ** 2
      return squares
    })
    const [member, said] = candidates[errors.indexOf(Math.min(...errors))]!
    for (let at = 0; at < sums.length; at++) sums[at]! += said[at]!
    drawn.set(member, (drawn.get(member) ?? 0) + 1)
  }
  return [...drawn].map(([member, count]) => ({ member, share: count / DRAWS }))
}

function partsOf(ratings: Feedback, seed: number): Part[] {
  const random = seededRandom(seed)
  const folds = Int8Array.from(ratings.items, () => random.integer(FOLDS))
  const held = Array.from({ length: ratings.items.length > FEW ? 1 : FOLDS }, (_, fold) => fold)
  return held.map((fold) => ({
    before: ratingMatrix(filterFeedback(ratings, (event) => folds[event] !== fold)),
    after: filterFeedback(ratings, (event) => folds[event] === fold),
  }))
}

/** Root mean squared error on the last fifth, foretold from what came before it. */
export function ratingError(ratings: Feedback, seed: number): number {
  const { before, after } = splitByTime(ratings, 0.2, seed)
  return rootMeanSquare(after, fitRatings(before, seed))
}

export function rootMeanSquare({ users, items, weights }: Feedback, model: RatingModel): number {
  return errorOf(
    Float64Array.from(users, (user, at) => model(user, items[at]!)),
    weights,
  )
}

function errorOf(said: Float64Array, actual: ArrayLike<number>): number {
  const squares = said.reduce((sum, value, at) => sum + (value - actual[at]!) ** 2, 0)
  return Math.sqrt(squares / Math.max(1, said.length))
}

function rangeOf(values: Float32Array): readonly [number, number] {
  return [
    values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
  ]
}
