// Idempotency-Key, whichever face it came through: what is longer finds no place in the index that keeps it.
import { invalid } from './failure.ts'

const KEY = /^[\x20-\x7e]{1,255}$/

/** @throws `invalid` for what is no key. */
export function idempotencyKeyOf(given: string | readonly string[] | undefined): string | undefined {
  if (given === undefined) return undefined
  if (typeof given === 'string' && KEY.test(given)) return given
  throw invalid('request', [{ field: 'Idempotency-Key', message: 'must be 1 to 255 printable ASCII characters' }])
}
