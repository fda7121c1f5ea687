// Training the travel services: every one of them is a job.
import type { TravelService, TravelTraining, TravelTrainRequest } from '../contract/travel.ts'
import type { ServingCtx } from '../domain/serving/index.ts'
import type { Trainer } from '../domain/training/index.ts'
import { trainMatch } from './match/train.ts'
import { notifyTrainer, trainNotify } from './notify/train.ts'
import { recommendTrainer, trainRecommend } from './recommend/train.ts'
import type { Asking } from './trainer.ts'

const ASKINGS: Readonly<Record<TravelService, Asking>> = {
  match: trainMatch,
  recommend: trainRecommend,
  notify: trainNotify,
}

/** Match scoring learns from a dataset, by the trainer of datasets. */
export const travelTrainers: readonly Trainer[] = [recommendTrainer, notifyTrainer]

/** @throws `conflict` TRAVEL_TOO_LITTLE_RECORDED */
export function trainTravel(ctx: ServingCtx, { service, seed = 42 }: TravelTrainRequest): Promise<TravelTraining> {
  return ASKINGS[service](ctx, { seed })
}
