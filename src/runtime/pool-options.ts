// What a pool is told: the runtime's options, all decided.
import type { StartThread } from './thread.ts'
import type { RuntimeOptions } from './types.ts'

type Limits = 'workers' | 'maxQueue' | 'batchRows' | 'enableGpu' | 'log' | 'runTimeoutMs' | 'loadTimeoutMs'
export interface PoolOptions extends Required<Pick<RuntimeOptions, Limits>>, Pick<RuntimeOptions, 'recycle'> {
  /** What sits in the seats; default: threads. */
  readonly start?: StartThread
}
