// The travel services, built on what a product team could use itself: features, interactions, training and the registry.
import type { Handlers, TravelOperationName } from '../contract/operations/index.ts'
import type { ServingCtx } from '../domain/serving/index.ts'
import { hurried } from './hurried.ts'
import { scoreMatch } from './match/score.ts'
import { optimizeSendTime } from './notify/optimize.ts'
import { recommendDestinations } from './recommend/recommend.ts'
import { trainTravel } from './train.ts'

export { travelTrainers } from './train.ts'

export const travelHandlers: Pick<Handlers<ServingCtx>, TravelOperationName> = {
  'match.score': (ctx, input) => scoreMatch(hurried(ctx), input),
  'notifications.optimize': (ctx, input) => optimizeSendTime(hurried(ctx), input),
  'recommend.destinations': (ctx, input) => recommendDestinations(hurried(ctx), input),
  'travel.train': trainTravel,
}
