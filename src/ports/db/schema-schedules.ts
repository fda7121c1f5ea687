// The tables of schedules, as the queries see them.
import type { Generated } from 'kysely'
import type { RunStatus, ScheduledOperation } from '../../contract/schedules.ts'
import type { CreatedAt, Free, Json, NullableTimestamp, Timestamp } from './column-types.ts'

export interface SchedulesTable {
  id: string
  tenant_id: string
  name: string
  operation: ScheduledOperation
  input: Json<Free>
  dataset_name: string | null
  cron: string | null
  time_zone: string
  event_type: string | null
  event_match: Json<Free>
  event_take: Json<readonly string[]>
  active: boolean
  next_run_at: NullableTimestamp
  created_at: CreatedAt
  updated_at: Timestamp
}

export interface ScheduleRunsTable {
  id: string
  tenant_id: string
  schedule_id: string
  due_at: Timestamp
  event_id: string | null
  by_clock: Generated<boolean>
  /** What was taken from the event. */
  input: Json<Free>
  /** How many runs led to this one, each by an event of the one before. */
  depth: Generated<number>
  status: Generated<RunStatus>
  attempts: Generated<number>
  next_attempt_at: NullableTimestamp
  job_id: string | null
  error: string | null
  created_at: CreatedAt
  started_at: NullableTimestamp
}
