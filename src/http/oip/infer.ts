// POST …/infer: bytes to tensors, the data plane, tensors to bytes.
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { deflate, gzip } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Call } from '../../core/caller.ts'
import type { WantedModel } from '../../core/data-plane.ts'
import { fail } from '../../core/failure.ts'
import { giveBack, giveUp } from '../../core/memory.ts'
import type { OpenInference } from '../../core/open-inference.ts'
import { HEADER_LENGTH } from '../body.ts'
import { SENT } from '../call.ts'
import { readRawInput } from './raw-mode.ts'
import { readRequest } from './request.ts'
import { byteLengthOf, type WrittenReply, writeReply } from './response.ts'

export interface Asked {
  readonly call: Call
  readonly model: WantedModel
}

export interface Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

export async function infer(
  plane: OpenInference,
  { call, model }: Asked,
  { request, reply }: Exchange,
): Promise<typeof SENT> {
  const body = request.body as Buffer | undefined
  if (body === undefined) throw fail('malformed', 'INFERENCE_REQUEST_MALFORMED', 'The request has no body')
  try {
    const headerLength = headerLengthOf(request.headers[HEADER_LENGTH])
    const read = headerLength === 0 ? readRawInput(plane, { call, model }, body) : readRequest(body, headerLength)
    const asked = read instanceof Promise ? await read : read
    const { inputs, outputs, priority, timeoutMs } = asked
    const answer = await plane.infer(call, {
      ...model,
      inputs,
      ...(outputs && { outputs: outputs.map(({ name }) => name) }),
      ...(priority !== undefined && { priority }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    })
    const written = writeReply(answer, asked)
    await send({ request, reply }, written instanceof Promise ? await written : written)
  } finally {
    giveBack(body)
  }
  return SENT
}

function headerLengthOf(value: string | string[] | undefined): number | undefined {
  if (value === undefined) return undefined
  const length = typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : Number.NaN
  if (Number.isSafeInteger(length)) return length
  throw fail('malformed', 'INFERENCE_REQUEST_MALFORMED', 'Inference-Header-Content-Length must be a number of bytes')
}

function send({ request, reply }: Exchange, { body, headerLength }: WrittenReply): Promise<void> | undefined {
  // With the charset, which would be put behind it otherwise.
  if (headerLength === undefined) reply.header('content-type', 'application/json; charset=utf-8')
  else reply.header('content-type', 'application/octet-stream').header(HEADER_LENGTH, headerLength)
  const wanted = request.headers['accept-encoding']
  const inParts = typeof body !== 'string' && !Buffer.isBuffer(body)
  if ((wanted === 'gzip' || wanted === 'deflate') && (inParts || body.length >= WORTH_COMPRESSING)) {
    return sendCompressed(reply, inParts ? Buffer.concat(body) : body, wanted)
  }
  if (inParts) sendParts(reply, body)
  else reply.send(body)
  return undefined
}

/** As they lie, without a copy; their memory is free once they are out. */
function sendParts(reply: FastifyReply, parts: readonly Uint8Array[]): void {
  reply.raw.once('close', () => parts.forEach(giveUp))
  reply.header('content-length', byteLengthOf(parts)).send(Readable.from(parts))
}

/** Below this a compressed reply is no shorter. */
const WORTH_COMPRESSING = 1024
const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) } as const

/**
 * Only for clients that name exactly one coding, as those of this protocol do when told to compress: browsers and HTTP
 * libraries list codings in every request without anybody having asked, and tensors are dear to compress.
 */
async function sendCompressed(reply: FastifyReply, body: string | Buffer, coding: keyof typeof compressors) {
  const compressed = await compressors[coding](body)
  reply.header('content-encoding', coding).header('vary', 'accept-encoding').send(compressed)
}
