import { query } from '../operation.ts'
import { Recommendations, RecommendRequest } from '../recommend.ts'

export const recommendOperations = {
  'recommend.destinations': query({
    method: 'POST',
    path: '/recommend/destinations',
    tag: 'Travel',
    summary: 'Destinations for a user; users nothing is known of get what is popular, with low confidence.',
    permission: 'predict',
    body: 'fields',
    reply: 'bare',
    input: RecommendRequest,
    output: Recommendations,
  }),
}
