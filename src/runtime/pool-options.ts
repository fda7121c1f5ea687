// What a pool is told: the runtime's options, all decided.
import type { Clock } from '../core/clock.ts'
import type { StartThread } from './thread.ts'
import type { RuntimeOptions } from './types.ts'

type Limits =
  | 'workers'
  | 'maxQueue'
  | 'maxWaitMs'
  | 'batchRows'
  | 'enableGpu'
  | 'log'
  | 'runTimeoutMs'
  | 'loadTimeoutMs'
export interface PoolOptions extends Required<Pick<RuntimeOptions, Limits>>, Pick<RuntimeOptions, 'recycle'> {
  /** What sits in the seats; default: threads. */
  readonly start?: StartThread
  readonly clock: Clock
  /** Does something when the event loop has handed over what there is now. */
  readonly atTurnsEnd: (work: () => void) => void
}
