// The only home of the wall clock, so that a test can move time and a rule can be read without wondering which clock.
export interface Clock {
  /** Wall time; jumps when the machine's clock is set. For timestamps. */
  now(): Date
  /** Milliseconds from an arbitrary start; never jumps. For durations and deadlines. */
  elapsedMs(): number
}

export const systemClock: Clock = {
  now: () => new Date(),
  elapsedMs: () => performance.now(),
}
