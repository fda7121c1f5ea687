// Memory of large tensors, freed by hand. Megabytes left to the garbage collector make the engine mark the whole heap several times a
// second, because it counts what lies outside of the heap as well (decision 045).

/** What is smaller is left to the garbage collector, which takes it with the rest of its request. */
export const LARGE_BYTES = 64 * 1024
/** A promise is not memory: no more is taken at first, and twice as much whenever it is full. */
const FIRST_BYTES = 4 * 1024 * 1024
const ALIGNMENT = 8

const lent = new WeakSet<ArrayBufferLike>()

/** Memory of its own that is freed by `giveBack`, or by the garbage collector where nobody calls that. */
export function lend<T extends Uint8Array>(bytes: T): T {
  lent.add(bytes.buffer)
  return bytes
}

/** Of bytes that were lent and that nobody reads any more; with others nothing happens. */
export function giveBack({ buffer }: Uint8Array): void {
  if (lent.delete(buffer)) release(buffer as ArrayBuffer)
}

/** Of bytes that nobody else looks at; what is small, or part of something larger, stays. */
export function giveUp({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= LARGE_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) release(buffer)
}

/** The same of everything that the bytes are a part of: nobody looks at any of it. */
export function giveUpAll({ buffer }: Uint8Array): void {
  if (buffer.byteLength >= LARGE_BYTES && buffer instanceof ArrayBuffer) release(buffer)
}

/** Frees it at once: what still looks at it sees nothing, rather than somebody else's bytes. */
function release(buffer: ArrayBuffer): void {
  buffer.transfer(0)
}

export interface Expected {
  /** What is promised; undefined where nothing is. */
  readonly length: number | undefined
  readonly maxBytes: number
  /** The byte that is to lie at a multiple of 8, so that numbers which begin there can be read in place. */
  readonly alignAt: number
}

/** Takes up chunks one behind the other. */
export class Gathering {
  size = 0
  #bytes: Buffer
  readonly #start: number
  readonly #most: number

  constructor({ length, alignAt, maxBytes }: Expected) {
    this.#start = (ALIGNMENT - (alignAt % ALIGNMENT)) % ALIGNMENT
    this.#most = this.#start + (length ?? maxBytes)
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(this.#most, length === undefined ? LARGE_BYTES : FIRST_BYTES))
  }

  add(chunk: Uint8Array): void {
    const end = this.#start + this.size + chunk.length
    if (end > this.#bytes.length) this.#grow(end)
    this.#bytes.set(chunk, this.#start + this.size)
    this.size += chunk.length
  }

  /** To be given back. */
  finish(): Buffer {
    return lend(this.#bytes.subarray(this.#start, this.#start + this.size))
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
