// What columns are in TypeScript: what is read, what is inserted, what is set.
import type { ColumnType } from 'kysely'
import type { JsonText } from './json.ts'

export type Json<T> = ColumnType<T, JsonText, JsonText>
export type NullableJson<T> = ColumnType<T | null, JsonText | null | undefined, JsonText | null>
export type Timestamp = ColumnType<Date, Date | string, Date | string>
export type NullableTimestamp = ColumnType<Date | null, Date | string | null | undefined, Date | string | null>
/** Set by the database to the time of the transaction unless given. */
export type CreatedAt = ColumnType<Date, Date | string | undefined, never>
export type Free = Readonly<Record<string, unknown>>

/** A failure as it is kept with the job or version it stopped. */
export interface StoredError {
  readonly code: string
  readonly message: string
  readonly details?: Free
}
