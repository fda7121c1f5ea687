// Waiting between attempts: exponential with full jitter, so that many clients of one fallen server do not return at once.
import { setTimeout as sleep } from 'node:timers/promises'

export interface BackoffOptions {
  readonly initialMs: number
  readonly maxMs: number
  /** 0..1, the share of the delay that is random. */
  readonly jitter?: number
}

/** Delay before attempt `attempt` (0 = first retry), in milliseconds. */
export function backoffMs(attempt: number, { initialMs, maxMs, jitter = 0.5 }: BackoffOptions): number {
  const full = Math.min(maxMs, initialMs * 2 ** Math.min(attempt, 30))
  return full * (1 - jitter * Math.random())
}

/** Sleeps; resolves early (and quietly) when the signal fires. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal, ref: true }).catch((error: unknown) => {
    if (!(error instanceof Error) || error.name !== 'AbortError') throw error
  })
}
