// Trying out a model file, in a child process with an empty folder and limits that the kernel enforces.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fail } from '../../../core/failure.ts'
import { entryBeside, runIsolated } from '../../../jobs/isolate.ts'
import type { Ctx } from '../../ctx.ts'
import type { Trial } from './derive.ts'
import type { TrialInput } from './trial.ts'

const TRIAL_LIMIT_MS = 30_000
/** More than the time: the engine's threads add up. */
const TRIAL_CPU_SECONDS = 60
const TRIAL_MEMORY_MB = 4096

/** @throws `invalid` MODEL_NOT_USABLE */
export async function tryOut(ctx: Ctx, folder: string, input: TrialInput): Promise<Trial> {
  const place = join(folder, 'empty')
  await mkdir(place)
  return runIsolated<Trial>({
    entry: entryBeside(import.meta.url, './trial'),
    input,
    signal: ctx.signal,
    timeoutMs: TRIAL_LIMIT_MS,
    maxMemoryMb: TRIAL_MEMORY_MB,
    kernel: { dataMb: TRIAL_MEMORY_MB, cpuSeconds: TRIAL_CPU_SECONDS, folder: place },
    log: ctx.log,
  }).catch((error: unknown) => {
    throw trialFailure(error)
  })
}

/** A trial that was stopped says something about the file, not about this service. */
function trialFailure(error: unknown): unknown {
  const code = (error as { code?: unknown } | undefined)?.code
  const stopped: Readonly<Record<string, string>> = {
    TRAINING_TIMEOUT: `did not answer one row within ${TRIAL_LIMIT_MS / 1000} s`,
    TRAINING_OUT_OF_MEMORY: `needs more than ${TRIAL_MEMORY_MB} MB of memory for one row`,
    OUT_OF_MEMORY: `needs more than ${TRIAL_MEMORY_MB} MB of memory for one row`,
    TRAINING_CRASHED: 'ends the process that runs it',
  }
  const why = typeof code === 'string' ? stopped[code] : undefined
  return why === undefined ? error : fail('invalid', 'MODEL_NOT_USABLE', `The model ${why}`, { cause: error })
}
