// Bodies gathered in memory of their own, which is given back by hand. Megabytes left to the garbage collector make the engine mark the
// whole heap several times a second, because it counts what lies outside of the heap as well (decision 045).
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { fail } from '../core/failure.ts'
import { tooLarge } from './too-large.ts'

export interface Arriving {
  readonly payload: Readable & { readonly socket?: unknown }
  /** What the client says; undefined where it does not. */
  readonly length: number | undefined
  readonly maxBytes: number
  /** The byte of the body that is to lie at a multiple of 8, so that numbers which begin there can be read in place. */
  readonly alignAt: number
}

export type Gathered = (error: Error | null, body?: Buffer) => void

/** Smaller bodies are left to the garbage collector, which takes them with the rest of their request. */
const LARGE_BYTES = 64 * 1024
/** A promise is not memory: no more is taken at first, and twice as much whenever it is full. */
const FIRST_BYTES = 4 * 1024 * 1024
const ALIGNMENT = 8

const lent = new WeakSet<ArrayBufferLike>()

/** Fails with TOO_LARGE, or MALFORMED_BODY where the body breaks off. */
export function gather(arriving: Arriving, done: Gathered): void {
  const { payload, length, maxBytes } = arriving
  if (length !== undefined && length > maxBytes) {
    done(tooLarge('request body', maxBytes))
    return
  }
  const memory = length !== undefined && length < LARGE_BYTES ? new Chunks() : new Memory(arriving)
  const over = (error: Error | null, body?: Buffer) => {
    payload.off('data', onData)
    payload.off('end', onEnd)
    payload.off('error', onError)
    if (error) memory.drop()
    done(error, body)
  }
  const onData = (chunk: Buffer) => {
    if (memory.size + chunk.length > maxBytes) over(tooLarge('request body', maxBytes))
    else memory.add(chunk)
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

/** Of a body whose tensors nobody reads any more; where it is not gathered here, nothing happens. */
export function giveBack({ buffer }: Buffer): void {
  if (lent.delete(buffer)) release(buffer as ArrayBuffer)
}

/** Of bytes that nobody else looks at; what is small, or part of something larger, stays. */
export function giveUp({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= LARGE_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) release(buffer)
}

function brokenOff() {
  return fail('malformed', 'MALFORMED_BODY', 'The body broke off')
}

/** Frees its memory at once: what still looks at it sees nothing, rather than somebody else's bytes. */
function release(buffer: ArrayBuffer): void {
  buffer.transfer(0)
}

class Chunks {
  size = 0
  readonly #chunks: Buffer[] = []

  add(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.size += chunk.length
  }

  finish(): Buffer {
    return Buffer.concat(this.#chunks, this.size)
  }

  drop(): void {
    this.#chunks.length = 0
  }
}

class Memory {
  size = 0
  #bytes: Buffer
  readonly #start: number
  readonly #most: number
  /** What a socket brought is nobody else's. */
  readonly #ours: boolean

  constructor({ payload, length, alignAt, maxBytes }: Arriving) {
    this.#start = (ALIGNMENT - (alignAt % ALIGNMENT)) % ALIGNMENT
    this.#most = this.#start + (length ?? maxBytes)
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(this.#most, length === undefined ? LARGE_BYTES : FIRST_BYTES))
    this.#ours = payload.socket instanceof Socket
  }

  add(chunk: Buffer): void {
    const end = this.#start + this.size + chunk.length
    if (end > this.#bytes.length) this.#grow(end)
    this.#bytes.set(chunk, this.#start + this.size)
    this.size += chunk.length
    if (this.#ours) giveUp(chunk)
  }

  finish(): Buffer {
    lent.add(this.#bytes.buffer)
    return this.#bytes.subarray(this.#start, this.#start + this.size)
  }

  drop(): void {
    release(this.#bytes.buffer as ArrayBuffer)
  }

  #grow(end: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(end, Math.min(this.#most, 2 * this.#bytes.length)))
    larger.set(this.#bytes.subarray(0, this.#start + this.size))
    this.drop()
    this.#bytes = larger
  }
}
