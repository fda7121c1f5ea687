// A timer that is asked to wait for more than 24 days fires at once, and some callers ask for Infinity.
const LONGEST_MS = 2 ** 31 - 1

export function timerMs(ms: number): number {
  return Math.min(ms, LONGEST_MS)
}
