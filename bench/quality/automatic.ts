// What a training without `algorithm` would take: the comparison of the training pipeline on the rows of a set.
import { type Clock, systemClock } from '../../src/core/clock.ts'
import { findCandidates } from '../../src/domain/training/candidates.ts'
import { decide } from '../../src/domain/training/pipeline/decide.ts'
import { createReporter } from '../../src/domain/training/pipeline/progress.ts'
import type { TrainingSpec } from '../../src/domain/training/pipeline/spec.ts'
import type { AlgorithmName } from '../../src/ml/learn/index.ts'
import type { QualityRows } from './rows.ts'
import type { QualitySet } from './sets.ts'
import type { Trained } from './train.ts'

export interface Automatic {
  readonly chosen: Trained
  /** Figure of each candidate in the comparison. */
  readonly compared: Readonly<Record<string, string>>
  /** Of processor time. */
  readonly seconds: number
}

/** Time as it passes for one thread of an idle machine. */
const processorClock: Clock = {
  now: () => systemClock.now(),
  elapsedMs: () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  },
}

export async function chooseAutomatically(set: QualitySet, { columns, train }: QualityRows): Promise<Automatic> {
  const request = { model_name: 'quality', dataset_id: 'quality', model_type: set.task }
  const { candidates } = findCandidates(request, set.task, { balancedClassWeight: false })
  const spec: TrainingSpec = {
    dataFile: '',
    reading: {},
    contract: { columns: [...columns] },
    modelType: set.task,
    target: set.target,
    features: columns.map(({ name }) => name),
    ...candidates[0]!,
    candidates,
    evaluation: { test_fraction: 0.2, seed: 42, ...(set.groups !== undefined && { group_column: set.groups }) },
    outputDir: '',
    modelName: 'quality',
    version: '1.0.0',
  }
  const { signal } = new AbortController()
  const reporter = createReporter({ stages: ['choose'], clock: processorClock, send: () => {}, signal })
  const before = processorClock.elapsedMs()
  const decision = await decide({ spec, learners: undefined, columns, rows: train, clock: processorClock, reporter })
  const { algorithm, hyperparameters } = decision.candidate
  return {
    chosen: { algorithm: algorithm as AlgorithmName, hyperparameters },
    compared: Object.fromEntries(
      // Of several with one name, the best.
      decision.leaderboard
        .toReversed()
        .map(({ algorithm, value, folds, rows, status }) => [
          algorithm,
          `${value?.toFixed(4) ?? status} (${folds.length} folds of ${rows} rows)`,
        ]),
    ),
    seconds: Number(((processorClock.elapsedMs() - before) / 1000).toFixed(1)),
  }
}
