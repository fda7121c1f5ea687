// What training a travel service is: from what the tenant has recorded to a version that is begun or made.
import type { TravelTraining } from '../contract/travel.ts'
import { fail, type MlError } from '../core/failure.ts'
import type { ServingCtx } from '../domain/serving/index.ts'

export interface TrainerOptions {
  readonly seed: number
}

/** @throws `conflict` TRAVEL_TOO_LITTLE_RECORDED */
export type Trainer = (ctx: ServingCtx, options: TrainerOptions) => Promise<Omit<TravelTraining, 'service'>>

/** `needed` in words: "40 outcomes of pairs". */
export function tooLittle(found: number, needed: string): MlError {
  return fail('conflict', 'TRAVEL_TOO_LITTLE_RECORDED', `There is too little to learn from: ${found} of ${needed}`, {
    details: { found },
  })
}
