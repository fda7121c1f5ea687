// Training recommendations. The request counts what there is; the job copies it for a child process, which chooses, fits and measures
// the live version where users have done enough since that one was trained.
import { join } from 'node:path'
import { countOfItems } from '../../domain/features/index.ts'
import type { Trained, Trainer, TrainingProgress } from '../../domain/training/index.ts'
import { entryBeside, runIsolated } from '../../jobs/isolate.ts'
import { copyRecords } from '../copy-records.ts'
import { type Asking, submitTravel } from '../trainer.ts'
import { requireEnough } from './enough.ts'
import type { FitInput } from './fit.ts'
import { RECOMMEND_MODEL } from './question.ts'
import { EVENT_WEIGHTS, RATED } from './recorded.ts'

export const trainRecommend: Asking = async (ctx, { seed }) => {
  const { interactions, items } = await countOfItems(ctx, {
    events: [...Object.keys(EVENT_WEIGHTS), RATED],
    valued: [RATED],
    itemType: 'destination',
  })
  requireEnough(interactions, items)
  return submitTravel(ctx, {
    service: 'recommend',
    trainer: recommendTrainer,
    seed,
    examples: interactions,
    examplesAre: 'interactions with destinations',
  })
}

export const recommendTrainer: Trainer = {
  name: 'travel.recommend',
  modelName: RECOMMEND_MODEL,
  modelType: 'recommendation',
  learnsFrom: 'interactions with destinations',
  async train(ctx, { seed, champion, folder, progress }) {
    await copyRecords(ctx, {
      folder,
      entityTypes: ['destination', 'user'],
      onCopied: (count) => progress({ progress: 0, stage: 'load', message: `Read ${count} interactions` }),
    })
    const atMs = ctx.clock.now().getTime()
    return runIsolated<Trained, TrainingProgress>({
      entry: entryBeside(import.meta.url, './fit'),
      input: { folder, file: join(folder, 'model.onnx'), seed, atMs, champion } satisfies FitInput,
      onProgress: progress,
      signal: ctx.signal,
      timeoutMs: ctx.settings.trainingTimeoutMs,
      maxMemoryMb: ctx.settings.trainingMemoryMb,
      log: ctx.log,
    })
  },
}
