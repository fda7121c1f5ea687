// Request bodies as bytes: small ones are joined at their end, large ones gathered in memory of their own as they come.
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { fail } from '../core/failure.ts'
import { type Expected, Gathering, giveUp, LARGE_BYTES } from '../core/memory.ts'
import { tooLarge } from './too-large.ts'

export interface Arriving extends Expected {
  readonly payload: Readable & { readonly socket?: unknown }
}

type Gathered = (error: Error | null, body?: Buffer) => void

/** Fails with TOO_LARGE, or MALFORMED_BODY where the body breaks off. */
export function gather(arriving: Arriving, done: Gathered): void {
  const { payload, length, maxBytes } = arriving
  if (length !== undefined && length > maxBytes) {
    done(tooLarge('request body', maxBytes))
    return
  }
  const memory = length !== undefined && length < LARGE_BYTES ? new Chunks() : new Gathering(arriving)
  const over = (error: Error | null, body?: Buffer) => {
    payload.off('data', onData)
    payload.off('end', onEnd)
    payload.off('error', onError)
    if (error) memory.drop()
    done(error, body)
  }
  const onData = (chunk: Buffer) => {
    if (memory.size + chunk.length > maxBytes) over(tooLarge('request body', maxBytes))
    else {
      memory.add(chunk)
      // What a socket brought is nobody else's.
      if (payload.socket instanceof Socket) giveUp(chunk)
    }
  }
  const onEnd = () => {
    if (length === undefined || memory.size === length) over(null, memory.finish())
    else over(brokenOff())
  }
  const onError = () => over(brokenOff())
  payload.on('data', onData)
  payload.on('end', onEnd)
  payload.on('error', onError)
}

function brokenOff() {
  return fail('malformed', 'MALFORMED_BODY', 'The body broke off')
}

class Chunks {
  size = 0
  readonly #chunks: Buffer[] = []

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.size += chunk.length
  }

  finish(): Buffer {
    const [first] = this.#chunks
    return first?.length === this.size ? first : Buffer.concat(this.#chunks, this.size)
  }

  drop(): void {
    this.#chunks.length = 0
  }
}
