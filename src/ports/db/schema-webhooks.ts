// The tables of webhooks, as the queries see them.
import type { Generated } from 'kysely'
import type { DeliveryStatus } from '../../contract/webhooks.ts'
import type { CreatedAt, Free, Json, NullableTimestamp, Timestamp } from './column-types.ts'

export interface OldSecret {
  readonly secret: string
  /** ISO 8601. */
  readonly until: string
}

export interface WebhooksTable {
  id: string
  tenant_id: string
  url: string
  /** Types of events; none: all of them. */
  events: Json<readonly string[]>
  description: string | null
  /** Never shown again once it was made. */
  secret: string
  /** Those before it that are still believed, the newest first. */
  old_secrets: Json<readonly OldSecret[]>
  active: Generated<boolean>
  created_at: CreatedAt
  updated_at: Timestamp
}

export interface WebhookDeliveriesTable {
  id: string
  tenant_id: string
  webhook_id: string
  event_id: string
  event_type: string
  payload: Json<Free>
  status: Generated<DeliveryStatus>
  attempts: Generated<number>
  /** While it is being sent: when it is taken for lost. */
  next_attempt_at: NullableTimestamp
  last_status: number | null
  last_error: string | null
  created_at: CreatedAt
  delivered_at: NullableTimestamp
}
