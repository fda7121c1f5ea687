// What is answered when a model cannot: the last answer to the same row, else the default that the model's owner declared.
// Only faults of the service are covered; a wrong input, or a caller who has left, is told as always.
import { asFailure } from '../../core/failure.ts'
import type { Answer } from './output.ts'
import type { Served } from './served-version.ts'

const NOT_COVERED: ReadonlySet<string> = new Set(['INFERENCE_ABORTED', 'CLIENT_GONE', 'RUNTIME_CLOSED'])

/** Whether the error is one that an answer may stand in for. */
export function canStandIn(error: unknown): boolean {
  const { kind, code } = asFailure(error)
  return (kind === 'unavailable' && !NOT_COVERED.has(code)) || code === 'INFERENCE_FAILED'
}

/** @throws the error itself where there is nothing to fall back on. */
export function insteadOf(
  error: unknown,
  { settings }: Pick<Served, 'settings'>,
  last?: () => Answer | undefined,
): Answer {
  const answer = canStandIn(error) ? (last?.() ?? settings.fallback) : undefined
  if (answer === undefined) throw error
  return { ...answer, fallback: true }
}
