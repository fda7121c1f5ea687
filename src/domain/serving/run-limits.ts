// How long a prediction may take: its caller's patience, and what a worker is held for. To give a worker up costs everybody whose models it
// holds, since its successor loads them all, so that is not done as soon as one caller has lost patience.
import type { RunOptions } from '../../runtime/index.ts'
import type { ServingSettings } from '../models/index.ts'

const SHORTEST_HOLD_MS = 1000

/** By the deadline of the model, if it has one, where the request does not say how long it waits. */
export function runLimits(
  { deadlineMs }: Pick<ServingSettings, 'deadlineMs'>,
  ownTimeoutMs?: number,
): Pick<RunOptions, 'timeoutMs' | 'limitMs'> {
  const timeoutMs = ownTimeoutMs ?? deadlineMs
  return {
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(deadlineMs !== undefined && { limitMs: Math.max(deadlineMs, SHORTEST_HOLD_MS) }),
  }
}
