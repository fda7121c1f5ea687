// Replies as values, and error replies as the failures they were made from.
import type { ErrorResponse } from '../contract/errors.ts'
import { type FailureKind, fail, type MlError } from '../core/failure.ts'
import type { Downloaded } from './types.ts'

const KIND: Readonly<Record<number, FailureKind>> = {
  400: 'malformed',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'not_found',
  409: 'conflict',
  413: 'too_large',
  415: 'malformed',
  422: 'invalid',
  429: 'limited',
  431: 'too_large',
  500: 'internal',
  502: 'unavailable',
  503: 'unavailable',
  504: 'unavailable',
}

/** What stands behind a failed reply; `cause` says which request it was. */
export async function failureOf(response: Response): Promise<MlError> {
  const kind = KIND[response.status] ?? (response.status < 500 ? 'malformed' : 'internal')
  const wait = response.headers.get('retry-after')
  const text = await response.text()
  const document = errorDocument(text)
  const requestId = document?.request_id ?? response.headers.get('x-request-id')
  const options = {
    details: document?.details,
    cause: { status: response.status, requestId },
    // A proxy may send a date instead; then the client's own pause serves.
    ...(wait !== null && /^\d+$/.test(wait) && { retryAfterSeconds: Number(wait) }),
  }
  // Proxies answer in their own words.
  if (!document) return fail(kind, `HTTP_${response.status}`, text.slice(0, 500) || response.statusText, options)
  return fail(kind, document.error_code, document.error, options)
}

/** The failure in the middle of an event stream; its status is long gone, so only `internal` can be told apart. */
export function failureInStream(text: string): MlError {
  const document = errorDocument(text)
  if (!document) return fail('unavailable', 'STREAM_BROKEN', 'The stream ended in an error')
  const kind = document.error_code === 'INTERNAL_ERROR' ? 'internal' : 'unavailable'
  return fail(kind, document.error_code, document.error, {
    details: document.details,
    cause: { requestId: document.request_id },
  })
}

function errorDocument(text: string): ErrorResponse | undefined {
  try {
    const document = JSON.parse(text) as Partial<ErrorResponse> | null
    return typeof document?.error_code === 'string' ? (document as ErrorResponse) : undefined
  } catch {
    return undefined
  }
}

export async function readJson(response: Response): Promise<unknown> {
  const text = await response.text()
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw fail('internal', 'UNREADABLE_REPLY', `The service answered with something that is not JSON`, { cause })
  }
}

export function readDownload(response: Response): Downloaded {
  const size = response.headers.get('content-length')
  return {
    stream: response.body ?? new ReadableStream({ start: (controller) => controller.close() }),
    filename: filenameOf(response.headers.get('content-disposition') ?? ''),
    size: size === null ? undefined : Number(size),
  }
}

function filenameOf(disposition: string): string {
  const encoded = /filename\*=UTF-8''([^;]+)/i.exec(disposition)?.[1]
  if (encoded !== undefined) return decodeURIComponent(encoded)
  return /filename="([^"]*)"/i.exec(disposition)?.[1] ?? 'download'
}
