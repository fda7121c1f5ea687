// The public tables without a figure of a linear model to compare with.
import { type QualitySet, SETS } from './sets.ts'

const afterTheDate = ['attractive', 'sincere', 'intelligence', 'funny', 'ambition', 'shared_interests']
  // The name is misspelt in the source.
  .map((quality) => (quality === 'intelligence' ? 'intelligence_parter' : `${quality}_partner`))
  .concat('like')

const speedDating = {
  folder: 'matching/speed-dating-a',
  files: ['dates.csv'],
  task: 'classification',
  target: 'decision',
  groups: 'person_id',
  kind: 'table',
  reference: {},
} as const

export const ALL_SETS: readonly QualitySet[] = [
  ...SETS,
  { ...speedDating, name: 'speed-dating, by person' },
  { ...speedDating, name: 'speed-dating, by person, before the date', leftOut: afterTheDate },
  {
    name: 'google-review-ratings, beach',
    folder: 'travel/google-review-ratings',
    files: ['google_review_ratings.csv'],
    task: 'regression',
    target: 'beach',
    leftOut: ['id'],
    kind: 'table',
    reference: {},
  },
]
