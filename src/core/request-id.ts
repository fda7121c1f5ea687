// X-Request-ID: the asker's own is kept when it is safe to repeat in headers and logs, else one is made.
import type { IncomingHttpHeaders } from 'node:http'
import { newId } from './ids.ts'

export const REQUEST_ID_HEADER = 'x-request-id'
const SAFE = /^[\x21-\x7e]{1,128}$/

export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers[REQUEST_ID_HEADER]
  return typeof given === 'string' && SAFE.test(given) ? given : newId('req')
}
