// Match scoring: how well two travellers would go together.
import { type Static, Type } from 'typebox'
import { EntityId } from './features.ts'
import { Shape } from './schema.ts'

export const MatchContext = Shape(
  {
    destination: Type.Optional({ ...EntityId, description: 'Where they would go; an entity of type "destination".' }),
    dates: Type.Optional(
      Type.String({ maxLength: 64, description: 'A day (2024-07-15), or first and last day: 2024-07-15/2024-07-20.' }),
    ),
    interests: Type.Optional(
      Type.Array(Type.String({ maxLength: 256 }), { maxItems: 1024, description: 'What the journey is about.' }),
    ),
  },
  'The journey in question.',
)
export type MatchContext = Static<typeof MatchContext>

export const MatchRequest = Shape(
  {
    user_a_id: { ...EntityId, description: 'One user.' },
    user_b_id: {
      ...EntityId,
      description:
        'The other; which of the two is named first makes no difference. The same one again is answered as if nobody were known.',
    },
    context: Type.Optional(MatchContext),
  },
  'Two users to be compared.',
)
export type MatchRequest = Static<typeof MatchRequest>

const share = (description: string) => Type.Number({ minimum: 0, maximum: 1, description })

export const MatchScore = Shape(
  {
    score: share('Probability that the two go well together.'),
    confidence: share('How much the score rests on: falls with what is not known of them, and with few examples.'),
    factors: Shape(
      {
        interest_overlap: share('Interests, those of the journey and of its destination.'),
        travel_style: share('Style, budget, pace, dates and home country.'),
        personality: share('Personality.'),
      },
      'The score as it would be if nothing but this were known of the two; what nothing is known of leaves it at the average.',
    ),
    latency_ms: Type.Number({ minimum: 0, description: 'Time it took.' }),
  },
  'How well two users go together.',
)
export type MatchScore = Static<typeof MatchScore>
