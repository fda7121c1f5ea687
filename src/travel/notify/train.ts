// Training send-time on all recorded interactions. The request counts active hours; the job copies what there is for a child process,
// which fits, and measures the live version on the same hours.
import { join } from 'node:path'
import { countOfHours } from '../../domain/features/index.ts'
import type { Trained, Trainer, TrainingProgress } from '../../domain/training/index.ts'
import { entryBeside, runIsolated } from '../../jobs/isolate.ts'
import { copyRecords } from '../copy-records.ts'
import { type Asking, submitTravel } from '../trainer.ts'
import type { FitInput } from './child.ts'
import { LEAST_HOURS, requireEnough } from './enough.ts'
import { NOTIFY_MODEL } from './model.ts'
import { MOST_HOURS, SENT } from './summarise.ts'

export const trainNotify: Asking = async (ctx, { seed }) => {
  const { users, hours } = await countOfHours(ctx, { except: [SENT], least: LEAST_HOURS, most: MOST_HOURS })
  requireEnough(users)
  return submitTravel(ctx, {
    service: 'notify',
    trainer: notifyTrainer,
    seed,
    examples: hours,
    examplesAre: 'active hours',
  })
}

export const notifyTrainer: Trainer = {
  name: 'travel.notify',
  modelName: NOTIFY_MODEL,
  modelType: 'custom',
  learnsFrom: 'active hours of users',
  async train(ctx, { seed, champion, folder, progress }) {
    await copyRecords(ctx, {
      folder,
      entityTypes: ['user'],
      onCopied: (count) => progress({ progress: 0, stage: 'load', message: `Read ${count} interactions` }),
    })
    return runIsolated<Trained, TrainingProgress>({
      entry: entryBeside(import.meta.url, './child'),
      input: { folder, file: join(folder, 'model.onnx'), seed, champion } satisfies FitInput,
      onProgress: progress,
      signal: ctx.signal,
      timeoutMs: ctx.settings.trainingTimeoutMs,
      maxMemoryMb: ctx.settings.trainingMemoryMb,
      log: ctx.log,
    })
  },
}
