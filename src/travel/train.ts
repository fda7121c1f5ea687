// The trainers of the travel services.
import type { TravelService, TravelTraining, TravelTrainRequest } from '../contract/travel.ts'
import type { ServingCtx } from '../domain/serving/index.ts'
import { trainMatch } from './match/train.ts'
import { trainNotify } from './notify/train.ts'
import { trainRecommend } from './recommend/train.ts'
import type { Trainer } from './trainer.ts'

const TRAINERS: Readonly<Record<TravelService, Trainer>> = {
  match: trainMatch,
  recommend: trainRecommend,
  notify: trainNotify,
}

/** @throws `conflict` TRAVEL_TOO_LITTLE_RECORDED */
export async function trainTravel(
  ctx: ServingCtx,
  { service, seed = 42 }: TravelTrainRequest,
): Promise<TravelTraining> {
  return { service, ...(await TRAINERS[service](ctx, { seed })) }
}
