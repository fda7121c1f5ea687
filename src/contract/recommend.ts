// Recommendations: where a user may want to travel.
import { type Static, Type } from 'typebox'
import { EntityId } from './features.ts'
import { OneOf, Shape } from './schema.ts'

export const BUDGETS = ['low', 'medium', 'high'] as const
export const DURATIONS = ['weekend', 'week', 'month'] as const

export const RecommendRequest = Shape(
  {
    user_id: { ...EntityId, description: 'For whom; whoever nothing is known of gets what is popular.' },
    limit: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, default: 10, description: 'At most so many destinations.' }),
    ),
    filters: Type.Optional(
      Shape(
        {
          budget: Type.Optional(OneOf(BUDGETS, 'Only destinations of this budget.')),
          duration: Type.Optional(OneOf(DURATIONS, 'Only destinations that are good for so long.')),
        },
        'What the destinations must be; one of which this is not known is left out.',
      ),
    ),
  },
  'Whom to recommend destinations to.',
)
export type RecommendRequest = Static<typeof RecommendRequest>

const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })

export const Recommendation = Shape(
  {
    destination: Type.String({ description: 'Its name; its id where it has none.' }),
    destination_id: Type.String({ description: 'Its id.' }),
    score: share('How much it is for this user; by a model, 0.5 is an average destination.'),
    reason: Type.String({ description: 'What speaks most for it.' }),
  },
  'One destination.',
)
export type Recommendation = Static<typeof Recommendation>

export const Recommendations = Shape(
  {
    recommendations: Type.Array(Recommendation, { description: 'Best first; fewer where fewer pass the filters.' }),
    confidence: share('How much is known of the user; low where the answer is that of everybody.'),
  },
  'Destinations for a user.',
)
export type Recommendations = Static<typeof Recommendations>
