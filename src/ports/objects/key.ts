// Which keys and ranges are allowed: the common ground of file systems and S3, so that data can move from one to the other.
import { fail, type MlError } from '../../core/failure.ts'
import type { ByteRange } from './index.ts'

const MAX_KEY = 900
const PART = /^[A-Za-z0-9_\-=@+~][A-Za-z0-9._\-=@+~]{0,199}$/
const PREFIX_PART = /^(?:[A-Za-z0-9_\-=@+~][A-Za-z0-9._\-=@+~]{0,199})?$/

export function checkKey(key: string): void {
  if (key.length === 0 || key.length > MAX_KEY || !key.split('/').every((part) => PART.test(part))) throw badKey(key)
}

/** A prefix may end anywhere: `models/a` finds `models/ab`. */
export function checkPrefix(prefix: string): void {
  const parts = prefix.split('/')
  const last = parts.pop()!
  const valid = prefix.length <= MAX_KEY && parts.every((part) => PART.test(part)) && PREFIX_PART.test(last)
  if (!valid) throw badKey(prefix)
}

export function checkRange(range: ByteRange | undefined): void {
  if (!range) return
  const { start, end = start } = range
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && end >= start) return
  throw fail('invalid', 'OBJECT_RANGE_INVALID', `Bytes ${start} to ${end} are no range`)
}

export function objectNotFound(key: string, cause?: unknown): MlError {
  return fail('not_found', 'OBJECT_NOT_FOUND', `No object "${key}"`, { cause })
}

export function objectExists(key: string): MlError {
  return fail('conflict', 'OBJECT_EXISTS', `There is an object "${key}" already`)
}

function badKey(key: string): MlError {
  const shown = JSON.stringify(key.length > 100 ? `${key.slice(0, 100)}…` : key)
  return fail('invalid', 'OBJECT_KEY_INVALID', `${shown} is not a valid object key`)
}
