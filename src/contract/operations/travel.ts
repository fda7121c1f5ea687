import { command } from '../operation.ts'
import { TravelTraining, TravelTrainRequest } from '../travel.ts'

export const travelTrainOperations = {
  'travel.train': command({
    method: 'POST',
    path: '/api/v1/ml/travel/{service}/train',
    tag: 'Travel',
    summary: 'Train a travel service on the features and interactions of the tenant.',
    reply: 'envelope',
    status: 202,
    message: 'Training accepted',
    idempotent: true,
    input: TravelTrainRequest,
    output: TravelTraining,
  }),
}
