// The table of operations: what the service can be asked, by name.
import type { InputOf, Operation, OutputOf, Upload } from '../operation.ts'
import { batchOperations } from './batch.ts'
import { datasetOperations } from './datasets.ts'
import { featureOperations } from './features.ts'
import { matchOperations } from './match.ts'
import { modelOperations } from './models.ts'
import { notifyOperations } from './notify.ts'
import { predictionOperations } from './predictions.ts'
import { recommendOperations } from './recommend.ts'
import { scheduleOperations } from './schedules.ts'
import { serviceOperations } from './service.ts'
import { trainingOperations } from './training.ts'
import { travelTrainOperations } from './travel.ts'
import { webhookOperations } from './webhooks.ts'

/** Answered by src/travel; all others by src/domain. */
const travelOperations = {
  ...matchOperations,
  ...notifyOperations,
  ...recommendOperations,
  ...travelTrainOperations,
}

export const operations = {
  ...datasetOperations,
  ...trainingOperations,
  ...modelOperations,
  ...predictionOperations,
  ...featureOperations,
  ...batchOperations,
  ...webhookOperations,
  ...travelOperations,
  ...scheduleOperations,
  ...serviceOperations,
} satisfies Record<string, Operation>

export type OperationName = keyof typeof operations
export type TravelOperationName = keyof typeof travelOperations
export type Input<N extends OperationName> = InputOf<(typeof operations)[N]>
export type Output<N extends OperationName> = OutputOf<(typeof operations)[N]>

/** One function an operation; `C` is what the application hands to its verbs. */
export type Handlers<C> = {
  readonly [N in OperationName]: (ctx: C, input: Input<N>, upload?: Upload) => Promise<Output<N>>
}
