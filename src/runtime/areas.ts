// Where one packet at a time is written: an area that fits nearly all of them, and one that grows with what comes. Shared memory made
// for every large packet would cost its pages each time, and only the garbage collector could take it away.
import { type Area, openArea } from './packet.ts'
import { KEPT_AREA_BYTES } from './protocol.ts'

export class Areas {
  readonly usual: Area
  #large: Area | undefined

  constructor(usual: SharedArrayBuffer) {
    this.usual = openArea(usual)
  }

  /** For a packet of so many bytes; whatever was written before is no longer needed. */
  of(bytes: number): Area {
    if (bytes <= this.usual.buffer.byteLength) return this.usual
    if (bytes > KEPT_AREA_BYTES) return openArea(new SharedArrayBuffer(roundUp(bytes)))
    if (this.#large === undefined || this.#large.buffer.byteLength < bytes) {
      this.#large = openArea(new SharedArrayBuffer(2 ** Math.ceil(Math.log2(bytes))))
    }
    return this.#large
  }
}

/** Views of 8-byte numbers want whole ones. */
function roundUp(bytes: number): number {
  return Math.ceil(bytes / 8) * 8
}
