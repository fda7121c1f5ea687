// Work that comes again and again until it is stopped: claims, an outbox, a clock. A failure slows it down and ends nothing.
import { backoffMs, pause } from './backoff.ts'
import type { Log } from './log.ts'

export interface LoopOptions {
  /** Calls its argument whenever there may be work. @returns what ends that. */
  readonly onWake?: (wake: () => void) => () => void
  readonly log: Log
  /** What the log says at the first failure in a row. */
  readonly onFailure: string
}

export interface Turn {
  /** Fires when the loop is to stop. */
  readonly signal: AbortSignal
  /**
   * Until woken, stopped, or `ms` have passed. A wake-up that came during the turn counts. With `mostMs` twice as long each time that nobody woke it,
   * up to that: what falls due by itself is then found late by no more than a share of the time since the loop was last busy.
   */
  idle(ms: number, mostMs?: number): Promise<void>
}

export interface Loop {
  /** Ends the present or the next idling. */
  wake(): void
  /** Waits for the turn in hand. `reason` is what the turn's signal carries. */
  stop(reason?: Error): Promise<void>
}

const RETRY = { initialMs: 100, maxMs: 5000 }

/** Takes turns without a break between them: one that finds nothing to do has to be idle. */
export function startLoop({ onWake, log, onFailure }: LoopOptions, take: (turn: Turn) => Promise<void>): Loop {
  const stopping = new AbortController()
  const { signal } = stopping
  let woken = new AbortController()
  /** Idlings in a row that nobody ended. */
  let calm = 0
  let idled = false

  async function idle(ms: number, mostMs = ms): Promise<void> {
    idled = true
    await pause(Math.min(mostMs, ms * 2 ** calm), woken.signal)
    if (!woken.signal.aborted) calm++
    else {
      calm = 0
      if (!signal.aborted) woken = new AbortController()
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        idled = false
        await take({ signal, idle })
        failures = 0
        if (!idled) calm = 0
      } catch (error) {
        if (failures === 0) log.warn({ err: error }, onFailure)
        await pause(backoffMs(failures++, RETRY), signal)
      }
    }
  }

  const wake = () => woken.abort()
  const unlisten = onWake?.(wake)
  const running = Promise.resolve().then(run)
  return {
    wake,
    async stop(reason) {
      unlisten?.()
      stopping.abort(reason)
      wake()
      await running
    },
  }
}
