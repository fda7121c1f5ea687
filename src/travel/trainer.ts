// Training a travel service, on both sides of the queue: what the request checks and asks for, and what the job does.
import type { TravelTraining } from '../contract/travel.ts'
import type { ServingCtx } from '../domain/serving/index.ts'
import { submitTrainer, type Trainer } from '../domain/training/index.ts'

export interface Asked {
  readonly seed: number
}

/** @throws `conflict` TRAVEL_TOO_LITTLE_RECORDED */
export type Asking = (ctx: ServingCtx, asked: Asked) => Promise<TravelTraining>

export interface Submission extends Asked {
  readonly service: TravelTraining['service']
  readonly trainer: Trainer
  readonly examples: number
  /** What the examples are: "active hours". */
  readonly examplesAre: string
}

export function submitTravel(ctx: ServingCtx, submission: Submission): Promise<TravelTraining> {
  const { service, trainer, seed, examples, examplesAre } = submission
  return submitTrainer(ctx, {
    trainer,
    seed,
    operation: 'travel.train',
    reply: ({ model_id, job_id, version }): TravelTraining => ({
      service,
      model_id,
      model_name: trainer.modelName,
      version,
      status: 'training',
      job_id,
      examples,
      message: `Version ${version} learns from ${examples} ${examplesAre}`,
    }),
  })
}
