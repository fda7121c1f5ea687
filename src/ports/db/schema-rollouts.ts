// The tables of roll-outs, a part of schema.ts.
import type { DifferenceExample, RolloutState } from '../../contract/rollouts.ts'
import type { RolloutType, Strategy } from '../../contract/strategy.ts'
import type { Json, NullableJson, NullableTimestamp, StoredError, Timestamp } from './column-types.ts'

export interface StoredLoadError extends StoredError {
  /** Trying again will not help. */
  readonly permanent: boolean
}

/** What a shadow answered differently, as one replica has counted it. */
export interface StoredDifference {
  readonly rows: number
  readonly disagreements: number
  /** Rows with a difference in probability or value, the sum and the largest of them. */
  readonly measured: number
  readonly sum: number
  readonly max: number
  /** Copies that were not run, because too many were waiting. */
  readonly dropped: number
  readonly examples: readonly DifferenceExample[]
}

/** At most one is running for a model in an environment. */
export interface RolloutsTable {
  id: string
  tenant_id: string
  model_id: string
  environment: string
  champion_version: string
  challenger_version: string
  kind: RolloutType
  strategy: Json<Strategy>
  state: RolloutState
  /** Raised by every change of the strategy; counts and judgements belong to one stage. */
  stage: number
  stage_at: Timestamp
  /** When the first replica had the challenger loaded. */
  ready_at: NullableTimestamp
  /** When the baking period of this stage ended well. */
  baked_at: NullableTimestamp
  /** When a replica last claimed the judgement. */
  judged_at: NullableTimestamp
  ended_at: NullableTimestamp
  actor: string
  reason: string
  outcome: string | null
  started_at: Timestamp
}

/** Totals of one replica, overwritten by it alone. */
export interface RolloutCountsTable {
  tenant_id: string
  rollout_id: string
  stage: number
  replica: string
  arm: string
  /** The arm's version is loaded there. */
  ready: boolean
  load_error: NullableJson<StoredLoadError>
  requests: number
  errors: number
  latency: Json<Readonly<Record<string, number>>>
  /** Of a shadow, on the row of the challenger. */
  difference: NullableJson<StoredDifference>
  updated_at: Timestamp
}
