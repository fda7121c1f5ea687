// Request bodies: read here rather than by Fastify, so that one place knows the limits, compressed bodies, bodies without
// a type (Triton's client sends none) and empty ones. Multipart is not read here; see multipart.ts.
import { isUtf8 } from 'node:buffer'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { fail, type MlError } from '../core/failure.ts'
import { parseJson } from './json.ts'

const JSON_TYPE = /^application\/(?:json|[\w.-]+\+json)\s*(?:;|$)/i

const inflaters = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
} as const

export function tooLarge(what: string, maxBytes: number): MlError {
  return fail('too_large', 'TOO_LARGE', `The ${what} is larger than ${maxBytes} bytes`, {
    details: { max_bytes: maxBytes },
  })
}

export function unsupportedType(message: string): MlError {
  return fail('malformed', 'UNSUPPORTED_MEDIA_TYPE', message)
}

/** Replaces Fastify's parsers: every body is JSON, whatever it calls itself, or refused. */
export function readJsonBodies(app: FastifyInstance, maxBytes: number): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(['application/json', '*'], async (request: FastifyRequest, payload: IncomingMessage) => {
    // An unknown route is answered as such, not with what is wrong with its body.
    if (request.is404) return undefined
    const bytes = await readAll(payload, maxBytes)
    return bytes.length === 0 ? undefined : decode(request.headers, bytes, maxBytes)
  })
}

async function decode(headers: IncomingHttpHeaders, bytes: Buffer, maxBytes: number): Promise<unknown> {
  const type = headers['content-type']
  if (type !== undefined && !JSON_TYPE.test(type)) {
    throw unsupportedType(`Send the body as application/json; "${type}" is not understood here`)
  }
  const encoding = headers['content-encoding']
  const plain = encoding === undefined || encoding === 'identity' ? bytes : await decompress(bytes, encoding, maxBytes)
  if (!isUtf8(plain)) throw fail('malformed', 'MALFORMED_JSON', 'The request body is not UTF-8')
  return parseJson(plain.toString('utf8'))
}

async function decompress(bytes: Buffer, encoding: string, maxBytes: number): Promise<Buffer> {
  const name = encoding.trim().toLowerCase()
  if (!Object.hasOwn(inflaters, name)) {
    throw unsupportedType(`Content-Encoding "${encoding}" is not understood; use gzip, deflate or br`)
  }
  try {
    return await inflaters[name as keyof typeof inflaters](bytes, { maxOutputLength: maxBytes })
  } catch (cause) {
    const { code } = cause as { readonly code?: unknown }
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge('decompressed request body', maxBytes)
    throw fail('malformed', 'MALFORMED_BODY', `The request body is not valid ${name} data`, { cause })
  }
}

function readAll(payload: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (Number(payload.headers['content-length']) > maxBytes) return reject(tooLarge('request body', maxBytes))
    const chunks: Buffer[] = []
    let size = 0
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size <= maxBytes) {
        chunks.push(chunk)
        return
      }
      // The rest is thrown away by Node.js once the reply is out; nothing more is kept.
      payload.off('data', onData)
      reject(tooLarge('request body', maxBytes))
    }
    payload.on('data', onData)
    payload.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)))
    payload.on('error', (cause) =>
      reject(fail('malformed', 'MALFORMED_BODY', 'The connection was lost before the request was complete', { cause })),
    )
  })
}
