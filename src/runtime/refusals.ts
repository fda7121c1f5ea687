// When the pool says no, and in which words.
import { fail, type MlError } from '../core/failure.ts'
import type { LoadJob, PoolModel, RunJob } from './job.ts'

/** Burning threads a model may cause before its runs are refused: each takes a core until the process ends. */
const MAX_STUCK = 2

/** Throws if a run of `model` cannot be taken on. */
export function admit(model: PoolModel): void {
  if (model.retired) throw releasedFailure()
  if (model.stuck >= MAX_STUCK) {
    throw fail('unavailable', 'MODEL_SUSPENDED', 'Earlier runs of this model have not come to an end', {
      retryAfterSeconds: 30,
    })
  }
}

export function closedFailure(): MlError {
  return fail('unavailable', 'RUNTIME_CLOSED', 'The service is stopping')
}

export function releasedFailure(): MlError {
  return fail('unavailable', 'MODEL_RELEASED', 'The model has been released')
}

export function abortedFailure(): MlError {
  return fail('unavailable', 'INFERENCE_ABORTED', 'The caller gave the run up')
}

/** `waitMs`: how long it would have been, where that is known. */
export function overloadedFailure(waitMs = 0): MlError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000))
  return fail('unavailable', 'OVERLOADED', 'Too many predictions are waiting', { retryAfterSeconds })
}

/** The job took too long, waiting or working. */
export function lateFailure(job: RunJob | LoadJob): MlError {
  if ('kind' in job) return fail('unavailable', 'MODEL_LOAD_TIMEOUT', 'The model took too long to load')
  const message = `No answer from the model within ${job.timeoutMs} ms`
  return fail('unavailable', 'INFERENCE_TIMEOUT', message, { retryAfterSeconds: 1 })
}

/** The job was in hand each time when workers died. */
export function fatalFailure(job?: LoadJob): MlError {
  return job
    ? fail('invalid', 'MODEL_NOT_LOADABLE', 'The model does not load: it brings its worker down')
    : fail('internal', 'INFERENCE_FAILED', 'The model worker died twice under this prediction')
}
