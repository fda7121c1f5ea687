// Whatever is larger than it may be is refused in the same words.
import { fail, type MlError } from '../core/failure.ts'

export function tooLarge(what: string, maxBytes: number): MlError {
  return fail('too_large', 'TOO_LARGE', `The ${what} is larger than ${maxBytes} bytes`, {
    details: { max_bytes: maxBytes },
  })
}
