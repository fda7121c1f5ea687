// Learning by a trainer: it makes a file, which is then read and tried out like an imported one, since nothing here knows what it
// takes and answers.

import { DEFAULT_ENVIRONMENT } from '../../contract/models.ts'
import { fail } from '../../core/failure.ts'
import { examineFile } from '../models/index.ts'
import type { ChampionSource } from './champion.ts'
import { followPhases } from './phases.ts'
import { environment } from './pipeline/environment.ts'
import type { TrainingOutcome } from './pipeline/spec.ts'
import type { Trained, Trainer, TrainerChampion, Trainers } from './trainer.ts'
import type { Training, Work, WorkRun } from './work.ts'

interface Asked {
  readonly name: string
  readonly seed: number
}

export async function trainerWork(training: Training, trainers: Trainers): Promise<Work> {
  const { trainer: asked } = training.row.request as { readonly trainer: Asked }
  const trainer = trainers.get(asked.name)
  // Replicas of an older release may still be at work.
  if (!trainer) throw fail('unavailable', 'TRAINER_UNKNOWN', `This worker knows no trainer "${asked.name}"`)
  return {
    promotion: { environment: DEFAULT_ENVIRONMENT, metric: null, min_improvement: 0 },
    learnsFrom: trainer.learnsFrom,
    run: (run) => train(training, trainer, { ...run, seed: asked.seed }),
  }
}

interface TrainerRun extends WorkRun {
  readonly seed: number
}

async function train({ ctx, watch }: Training, trainer: Trainer, run: TrainerRun): Promise<TrainingOutcome> {
  const { champion, outputDir: folder, seed } = run
  const phases = followPhases(ctx.span)
  const signal = AbortSignal.any([ctx.signal, watch.cancelled])
  const progress: Parameters<Trainer['train']>[1]['progress'] = (said) => {
    phases.enter(said.stage)
    watch.report(said)
  }
  const trainBeside = (beaten: TrainerChampion | undefined) =>
    trainer.train({ ...ctx, signal }, { seed, champion: beaten, folder, progress })
  try {
    const trained = await (champion
      ? ctx.objects.localFile(champion.artifactKey, (path) => trainBeside(beatenOf(champion, path)), { signal })
      : trainBeside(undefined))
    progress({ progress: 0.95, stage: 'parity', message: 'Trying the file out' })
    const { signature, sha256, bytes } = await examineFile({ ...ctx, signal }, trained.path, trainer.modelType)
    return { ...outcomeOf(trained), signature, artifact: { path: trained.path, sha256, bytes } }
  } finally {
    phases.end()
  }
}

function beatenOf({ version, trainedAtMs }: ChampionSource, path: string): TrainerChampion {
  return { version, path, trainedAtMs }
}

function outcomeOf({ path: _, ...trained }: Trained): Omit<TrainingOutcome, 'signature' | 'artifact'> {
  const { train_rows: trainedRows, test_rows: heldOutRows } = trained.evaluation.split
  return { ...trained, featureNames: [], environment: environment(), trainedRows, heldOutRows, durations: {} }
}
