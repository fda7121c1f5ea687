// Training the travel services on what a tenant has recorded.
import { type Static, Type } from 'typebox'
import { ModelName, VersionNumber } from './models.ts'
import { OneOf, Shape } from './schema.ts'

/** Those that can be trained. */
export const TRAVEL_SERVICES = ['match', 'recommend', 'notify'] as const
export type TravelService = (typeof TRAVEL_SERVICES)[number]

export const TravelTrainRequest = Shape(
  {
    service: OneOf(TRAVEL_SERVICES, 'Which service.'),
    seed: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 4294967295, default: 42, description: 'Seed of everything random.' }),
    ),
  },
  'Which service is to learn from the features and interactions of the tenant.',
)
export type TravelTrainRequest = Static<typeof TravelTrainRequest>

export const TravelTraining = Shape(
  {
    service: OneOf(TRAVEL_SERVICES, 'The service.'),
    model_id: Type.String({ description: 'Its model.' }),
    model_name: ModelName,
    version: VersionNumber,
    status: OneOf(['training'] as const, 'Follow the job.'),
    job_id: Type.String({ description: 'The training job.' }),
    examples: Type.Integer({
      minimum: 0,
      description: 'What there is to learn from: outcomes of pairs, interactions with destinations, or active hours.',
    }),
    message: Type.String({ description: 'The same in words.' }),
  },
  'A version of a travel model that was begun.',
)
export type TravelTraining = Static<typeof TravelTraining>
