// Request bodies: JSON, perhaps compressed, perhaps without a type (Triton's client sends none), perhaps empty. Multipart is
// not read here; see multipart.ts.
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import { fail, type MlError } from '../core/failure.ts'
import { readJson } from '../core/json.ts'
import { LONG_JSON_BYTES, readJsonInTurns } from '../core/json-in-turns.ts'
import { gather } from './gather.ts'
import { tooLarge } from './too-large.ts'

/** `text/plain` is what `fetch` says of a string where the caller names no type. */
const JSON_TYPE = /^(?:application\/(?:json|[\w.-]+\+json)|text\/plain)\s*(?:;|$)/i

const inflaters = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
} as const

/** Of the Open Inference Protocol: bytes of JSON before raw tensors. */
export const HEADER_LENGTH = 'inference-header-content-length'

export function unsupportedType(message: string): MlError {
  return fail('malformed', 'UNSUPPORTED_MEDIA_TYPE', message)
}

/** Replaces Fastify's parsers: every body is JSON, whatever it calls itself, or refused. */
export function readJsonBodies(app: FastifyInstance, maxBytes: number): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<Buffer>(['application/json', '*'], { parseAs: 'buffer' }, (request, bytes, done) => {
    // An unknown route is answered as such, not with what is wrong with its body.
    if (bytes.length === 0 || request.is404) return done(null, undefined)
    const { 'content-type': type, 'content-encoding': encoding } = request.headers
    if (type !== undefined && !JSON_TYPE.test(type)) {
      return done(unsupportedType(`Send the body as application/json; "${type}" is not understood here`))
    }
    // Without a promise on the way of a plain body: it is that of nearly every prediction.
    if (encoding === undefined || encoding === 'identity') return decode(bytes, done)
    decompress(bytes, encoding, maxBytes).then((plain) => decode(plain, done), done)
  })
}

/** Bodies as they come, whatever type they name, decompressed; an empty one is `undefined`. */
export function readRawBodies(app: FastifyInstance, maxBytes: number): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (request, payload, done) => {
    const { 'content-encoding': encoding, 'content-length': length, [HEADER_LENGTH]: jsonBytes } = request.headers
    const arriving = {
      payload,
      length: length === undefined ? undefined : Number(length),
      maxBytes,
      alignAt: Number.isSafeInteger(Number(jsonBytes)) ? Number(jsonBytes) : 0,
    }
    gather(arriving, (error, bytes) => {
      if (bytes === undefined) done(error)
      else if (bytes.length === 0) done(null, undefined)
      else if (encoding === undefined || encoding === 'identity') done(null, bytes)
      else decompress(bytes, encoding, maxBytes).then((plain) => done(null, plain), done)
    })
  })
}

function decode(bytes: Buffer, done: (error: Error | null, body?: unknown) => void): void {
  if (bytes.length > LONG_JSON_BYTES) {
    readJsonInTurns(bytes).then((value) => done(null, value), done)
    return
  }
  let value: unknown
  try {
    value = readJson(bytes)
  } catch (error) {
    done(error as Error)
    return
  }
  done(null, value)
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
