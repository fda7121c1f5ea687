// The tables of the feature store, a part of schema.ts.
import type { Generated, GeneratedAlways } from 'kysely'
import type { Feature, FeatureValue } from '../../contract/features.ts'
import type { CreatedAt, Free, Json, NullableJson, Timestamp } from './column-types.ts'

export interface EntityTypesTable {
  tenant_id: string
  name: string
  features: Json<readonly Feature[]>
  ttl_seconds: number | null
  created_at: CreatedAt
  updated_at: Timestamp
}

export interface FeatureHistoryTable {
  tenant_id: string
  entity_type: string
  entity_id: string
  observed_at: Timestamp
  features: Json<Readonly<Record<string, FeatureValue>>>
  recorded_at: CreatedAt
}

export interface FeatureStatesTable {
  tenant_id: string
  entity_type: string
  entity_id: string
  /** The newest value of every feature, and its moment in milliseconds since 1970. */
  state: Json<Readonly<Record<string, readonly [FeatureValue, number]>>>
  /** Grows by one with every write. */
  revision: Generated<number>
}

export interface InteractionsTable {
  tenant_id: string
  id: string
  user_id: string
  item_id: string | null
  event: string
  at: Timestamp
  channel: string | null
  value: number | null
  context: NullableJson<Free>
  recorded_at: CreatedAt
  seq: GeneratedAlways<number>
}
