// What the pool hands out: models as it knows them, and the two kinds of work on them.
import type { MlError } from '../core/failure.ts'
import type { SessionSource } from './session.ts'
import type { ModelInfo, PooledResult, Tensor, TensorInfo, Tensors } from './types.ts'

export interface PoolModel {
  /** Its number inside this process: shorter to send than the key, and never used twice. */
  readonly no: number
  readonly key: string
  readonly source: SessionSource
  readonly warmUp: Tensors | undefined
  /** Runs accepted and not yet off their worker. */
  pending: number
  /** Loads wanted or in hand. */
  loading: number
  /** Threads given up in a run of this model and still burning. */
  stuck: number
  /** No more runs will come: unload it when the last one is done. */
  retired: boolean
}

export interface RunJob {
  readonly kind: 'run'
  readonly model: PoolModel
  readonly feeds: readonly Tensor[]
  readonly fetches: readonly number[]
  /** The outputs that come back, in order. */
  readonly outputs: readonly TensorInfo[]
  readonly timeoutMs: number
  /** 1 goes first. */
  readonly priority: number
  /** On the monotonic clock. */
  readonly submittedAt: number
  readonly deadline: number
  /** Workers that died under it. */
  deaths: number
  settled: boolean
  readonly settle: (outcome: PooledResult | MlError) => void
}

export interface LoadJob {
  readonly kind: 'load'
  readonly model: PoolModel
  deaths: number
  readonly settle: (outcome: ModelInfo | MlError) => void
}

export type Job = RunJob | LoadJob
