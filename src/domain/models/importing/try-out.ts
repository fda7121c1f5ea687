// Reading a model file and trying it out, each in a child process with an empty folder and limits that the kernel enforces. To read is
// dangerous as well: a file of a few megabytes may be made of millions of parts, a million of which takes a second.
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { fail } from '../../../core/failure.ts'
import { entryBeside, runIsolated } from '../../../jobs/isolate.ts'
import type { Ctx } from '../../ctx.ts'
import type { Trial } from './derive.ts'
import type { ReadingInput } from './reading.ts'
import type { Source } from './source.ts'
import type { TrialInput } from './trial.ts'

const READING_LIMIT_MS = 120_000
const TRIAL_LIMIT_MS = 30_000
/** More than the time: the engine's threads add up. */
const TRIAL_CPU_SECONDS = 60
const MEMORY_MB = 4096

/** @throws `malformed`, `invalid` or `too_large` for what is no model, or not a safe one. */
export function readSource(ctx: Ctx, folder: string, input: ReadingInput): Promise<Source> {
  return alone<Source>(ctx, folder, {
    program: './reading',
    input,
    limitMs: READING_LIMIT_MS,
    cpuSeconds: READING_LIMIT_MS / 1000,
    tooSlow: `could not be read within ${READING_LIMIT_MS / 1000} s`,
    tooLarge: `needs more than ${MEMORY_MB} MB of memory to be read`,
    deadly: 'ends the process that reads it',
  })
}

/** @throws `invalid` MODEL_NOT_USABLE */
export function tryOut(ctx: Ctx, folder: string, input: TrialInput): Promise<Trial> {
  return alone<Trial>(ctx, folder, {
    program: './trial',
    input,
    limitMs: TRIAL_LIMIT_MS,
    cpuSeconds: TRIAL_CPU_SECONDS,
    tooSlow: `did not answer one row within ${TRIAL_LIMIT_MS / 1000} s`,
    tooLarge: `needs more than ${MEMORY_MB} MB of memory for one row`,
    deadly: 'ends the process that runs it',
  })
}

interface Work {
  readonly program: './reading' | './trial'
  readonly input: ReadingInput | TrialInput
  readonly limitMs: number
  readonly cpuSeconds: number
  /** What is said of a file whose process was stopped, or died. */
  readonly tooSlow: string
  readonly tooLarge: string
  readonly deadly: string
}

async function alone<T>(ctx: Ctx, folder: string, work: Work): Promise<T> {
  const { program, input, limitMs, cpuSeconds } = work
  const place = await mkdtemp(join(folder, 'empty-'))
  return runIsolated<T>({
    entry: entryBeside(import.meta.url, program),
    input,
    signal: ctx.signal,
    timeoutMs: limitMs,
    maxMemoryMb: MEMORY_MB,
    kernel: { dataMb: MEMORY_MB, cpuSeconds, folder: place },
    log: ctx.log,
  }).catch((error: unknown) => {
    throw stoppedFailure(error, work)
  })
}

/** A process that was stopped says something about the file, not about this service. */
function stoppedFailure(error: unknown, { tooSlow, tooLarge, deadly }: Work): unknown {
  const code = (error as { code?: unknown } | undefined)?.code
  const stopped: Readonly<Record<string, string>> = {
    TRAINING_TIMEOUT: tooSlow,
    TRAINING_OUT_OF_MEMORY: tooLarge,
    OUT_OF_MEMORY: tooLarge,
    TRAINING_CRASHED: deadly,
  }
  const why = typeof code === 'string' ? stopped[code] : undefined
  return why === undefined ? error : fail('invalid', 'MODEL_NOT_USABLE', `The model ${why}`, { cause: error })
}
