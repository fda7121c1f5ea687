// Packets over a pipe between two processes: four bytes of length, then the packet, read straight into the area it is for.
// Node's own channel for messages would clone every packet twice on the way.
import type { Socket } from 'node:net'
import type { Area } from './packet.ts'

/** Of a child process that speaks in frames; 0 to 2 are the usual ones, 3 the channel, 4 the leash. */
export const FRAME_PIPE = 5

const HEAD_BYTES = 4

/** The bytes must not change until the answer to them is here. */
export function writeFrame(pipe: Socket, packet: Uint8Array): void {
  const head = Buffer.allocUnsafe(HEAD_BYTES)
  head.writeUInt32LE(packet.byteLength)
  pipe.cork()
  pipe.write(head)
  pipe.write(packet)
  pipe.uncork()
}

export interface FrameEvents {
  /** Memory for a packet of so many bytes; undefined where that is too much, which ends the reading. */
  areaFor(bytes: number): Area | undefined
  packet(area: Area): void
}

export function readFrames(pipe: Socket, { areaFor, packet }: FrameEvents): void {
  const head = Buffer.alloc(HEAD_BYTES)
  let headRead = 0
  let area: Area | undefined
  let length = 0
  let filled = 0
  pipe.on('data', (chunk: Buffer) => {
    let at = 0
    while (at < chunk.length) {
      if (area === undefined) {
        const taken = chunk.copy(head, headRead, at)
        headRead += taken
        at += taken
        if (headRead < HEAD_BYTES) return
        length = head.readUInt32LE()
        area = areaFor(length)
        if (area === undefined) return void pipe.destroy()
        headRead = 0
        filled = 0
      }
      const taken = Math.min(length - filled, chunk.length - at)
      area.bytes.set(chunk.subarray(at, at + taken), filled)
      filled += taken
      at += taken
      if (filled === length) {
        const whole = area
        area = undefined
        packet(whole)
      }
    }
  })
}
