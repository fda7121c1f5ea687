// What can foretell ratings, and in which order settings are tried: the penalty of the biases first, then factors beside the best of
// those, then neighbours. Of many ratings fewer settings are tried, so that the time grows no faster than their number.
import { type BiasedMfOptions, fitBiasedMf, predictRating } from './biased-mf.ts'
import type { Feedback, SparseMatrix } from './feedback.ts'
import { fitRatingNeighbours, type NeighbourOptions } from './rating-neighbours.ts'
import type { RatingModel } from './ratings.ts'

export type RatingMember =
  | { readonly kind: 'factors'; readonly settings: Omit<BiasedMfOptions, 'seed'> }
  | { readonly kind: 'neighbours'; readonly settings: NeighbourOptions }

type Judge = (member: RatingMember) => number

const BIASES = [1, 3, 10, 30, 100, 1000]
const FACTORS = [2, 4, 8, 16]
const REGULARISATIONS = [1, 3, 10, 30]
const SHRINKAGES = [5, 25, 100]
const ITERATIONS = 12
/** Ratings above which only some settings are tried. */
const MANY = 200_000

/** One step after the other: each may look at what the judge said in those before. */
export function membersFor({ items }: Feedback): readonly ((judge: Judge) => void)[] {
  const many = items.length > MANY
  const [factors, regularisations] = many
    ? [
        [8, 32],
        [3, 10, 30],
      ]
    : [FACTORS, REGULARISATIONS]
  let best = BIASES[0]!
  const withFactors = (judge: Judge, biasRegularisation: number) => {
    for (const size of factors) {
      for (const regularisation of regularisations) {
        judge({
          kind: 'factors',
          settings: { factors: size, regularisation, biasRegularisation, iterations: ITERATIONS },
        })
      }
    }
  }
  return [
    (judge) => {
      const alone = BIASES.map((biasRegularisation) => {
        const settings = { factors: 0, regularisation: 1, biasRegularisation, iterations: ITERATIONS }
        return { biasRegularisation, error: judge({ kind: 'factors', settings }) }
      })
      best = alone.reduce((a, b) => (b.error < a.error ? b : a)).biasRegularisation
    },
    (judge) => withFactors(judge, best),
    // Factors explain what the penalty of the biases had to keep out.
    (judge) => {
      const weaker = BIASES[BIASES.indexOf(best) - 1]
      if (weaker !== undefined && !many) withFactors(judge, weaker)
    },
    (judge) => {
      for (const shrinkage of SHRINKAGES) {
        judge({ kind: 'neighbours', settings: { shrinkage, neighbours: 40, biasRegularisation: best } })
      }
    },
  ]
}

/** Biases alone. */
export function isPlain({ kind, settings }: RatingMember): boolean {
  return kind === 'factors' && settings.factors === 0
}

export function fitMember(cells: SparseMatrix, member: RatingMember, seed: number): RatingModel {
  if (member.kind === 'neighbours') return fitRatingNeighbours(cells, member.settings)
  const model = fitBiasedMf(cells, { ...member.settings, seed })
  return (user, item) => predictRating(model, user, item)
}
