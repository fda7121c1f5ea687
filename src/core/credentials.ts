// Names and passwords in the addresses of servers, which escape what would end them.
import { fail } from './failure.ts'

/** @throws `invalid` that shows nothing of it. */
export function readCredential(text: string, setting: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw fail('invalid', 'VALIDATION_ERROR', `${setting}: a % in its name or password is written %25`)
  }
}
