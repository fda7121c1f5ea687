// Training the travel services on what a tenant has recorded.
import { type Static, Type } from 'typebox'
import { ModelName, VersionNumber } from './models.ts'
import { Nullable, OneOf, Shape } from './schema.ts'

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
    status: OneOf(
      ['training', 'deployed', 'rejected'] as const,
      'training: follow the job; deployed: it answers from now on; rejected: what is live is at least as good.',
    ),
    job_id: Nullable(Type.String(), 'The training job; null where nothing is left to be done.'),
    examples: Type.Integer({ minimum: 0, description: 'What it learns from: outcomes, or interactions.' }),
    metrics: Type.Record(Type.String(), Type.Number(), {
      description: 'Figures on held-out rows, once there are any.',
    }),
    message: Type.String({ description: 'The same in words.' }),
  },
  'A version of a travel model that was begun or made.',
)
export type TravelTraining = Static<typeof TravelTraining>
