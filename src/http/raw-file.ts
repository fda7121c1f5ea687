// A file as the whole body (curl --data-binary), where a form is more than is needed: the fields stand in the query then.
// What it holds is found by looking into it, as with a form; the type only tells it from JSON.
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { fail } from '../core/failure.ts'
import { unsupportedType } from './body.ts'
import type { Form, FormLimits } from './multipart.ts'
import { spool } from './spool.ts'
import { tooLarge } from './too-large.ts'

export const FILE_TYPES = [
  'text/csv',
  'text/tab-separated-values',
  'application/x-ndjson',
  'application/jsonl',
] as const

/** Leaves such bodies unread for `readFile`. */
export function leaveFileBodies(app: FastifyInstance): void {
  app.addContentTypeParser([...FILE_TYPES], (_request, payload, done) => done(null, payload))
}

export function isFile({ body }: FastifyRequest): boolean {
  return body instanceof Readable
}

export async function readFile(request: FastifyRequest, limits: FormLimits): Promise<Form> {
  const { 'content-encoding': encoding, 'content-length': length } = request.headers
  if (encoding !== undefined) throw unsupportedType('Send a file without Content-Encoding; it may be gzip itself')
  if (Number(length) > limits.maxUploadBytes) throw tooLarge('file', limits.maxUploadBytes)
  const spooled = await spool(Readable.from(upTo(request.body as Readable, limits.maxUploadBytes)), limits.tempDir)
  return {
    fields: {},
    upload: {
      filename: 'upload',
      stream: spooled.read(),
      sha256: spooled.sha256,
      ...(spooled.path !== undefined && { path: spooled.path }),
    },
    discard: () => spooled.discard(),
  }
}

async function* upTo(body: Readable, maxBytes: number): AsyncGenerator<Buffer> {
  let size = 0
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) throw tooLarge('file', maxBytes)
      yield chunk
    }
  } catch (cause) {
    if ((cause as { readonly code?: unknown }).code !== 'ECONNRESET') throw cause
    throw fail('malformed', 'MALFORMED_BODY', 'The body broke off', { cause })
  }
}
