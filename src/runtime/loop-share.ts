// How much of its time the event loop of this process works. Asked for often, and measured ten times a second at most.
import { performance } from 'node:perf_hooks'

const EVERY_MS = 100

/** A function that says how much: 0 waits only, 1 never waits. At first, and after nobody asked for a while, of that while. */
export function measureLoopShare(): () => number {
  let last = performance.eventLoopUtilization()
  let at = performance.now()
  let share = 1
  return () => {
    const now = performance.now()
    if (now - at < EVERY_MS) return share
    const next = performance.eventLoopUtilization()
    share = performance.eventLoopUtilization(next, last).utilization
    last = next
    at = now
    return share
  }
}
