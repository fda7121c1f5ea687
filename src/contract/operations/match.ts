import { MatchRequest, MatchScore } from '../match.ts'
import { query } from '../operation.ts'

export const matchOperations = {
  'match.score': query({
    method: 'POST',
    path: '/match/score',
    tag: 'Travel',
    summary: 'How well two users go together; users nothing is known of get the average, with low confidence.',
    permission: 'predict',
    body: 'fields',
    reply: 'bare',
    input: MatchRequest,
    output: MatchScore,
  }),
}
