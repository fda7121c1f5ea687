// tar as it is written today: ustar, with long names by GNU ('L') or POSIX ('x') headers. Read once from front to back; links,
// devices and sparse files are refused, because no model needs them.
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { malformedArchive, shown, type Unpacked, Unpacker, unsafeArchive } from './unpacker.ts'

const BLOCK = 512
/** A long name, or the headers of one file. */
const MAX_HEADER_BYTES = 2 ** 20

export async function unpackTar(path: string, folder: string, packing: 'gzip' | 'plain'): Promise<Unpacked> {
  const { size } = await stat(path)
  const file = createReadStream(path)
  const source = packing === 'gzip' ? file.pipe(createGunzip()) : file
  file.on('error', (error) => source.destroy(error))
  try {
    return await readEntries(new Chunks(source), new Unpacker(folder, size))
  } catch (error) {
    throw isBrokenGzip(error) ? malformedArchive('its compression is broken', error) : error
  } finally {
    source.destroy()
    file.destroy()
  }
}

async function readEntries(chunks: Chunks, unpacker: Unpacker): Promise<Unpacked> {
  let longName: string | undefined
  let longSize: number | undefined
  for (;;) {
    const block = await chunks.take(BLOCK)
    if (block.length === 0 || block.every((byte) => byte === 0)) return unpacker.files
    const { name, size: ownSize, type } = readHeader(block)
    const size = longSize ?? ownSize
    if (type === 'L' || type === 'x' || type === 'g') {
      unpacker.admit('')
      unpacker.count(ownSize)
      const text = await chunks.text(ownSize)
      if (type === 'L') longName = text.replace(/\0.*$/s, '')
      else if (type === 'x') {
        const pax = readPax(text)
        longName = pax.get('path') ?? longName
        longSize = pax.has('size') ? numberOf(pax.get('size')!, 10) : undefined
        if ([...pax.keys()].some((key) => key.startsWith('GNU.sparse'))) throw unsafeArchive('it holds a sparse file')
      }
      continue
    }
    const given = unpacker.admit(longName ?? name)
    longName = undefined
    longSize = undefined
    if (type === '5') {
      unpacker.count(size)
      await chunks.skip(padded(size))
    } else if (type === '0' || type === '7') {
      await unpacker.write(given, chunks.part(size))
      await chunks.skip(padded(size) - size)
    } else {
      const what = type === '1' || type === '2' ? 'a link' : `something other than a file (type "${type}")`
      throw unsafeArchive(`"${shown(given)}" is ${what}`)
    }
  }
}

const padded = (size: number) => Math.ceil(size / BLOCK) * BLOCK

function readHeader(block: Buffer): { name: string; size: number; type: string } {
  if (block.length < BLOCK) throw malformedArchive('it ends inside a header')
  const field = (from: number, to: number) => block.toString('utf8', from, to).replace(/\0.*$/s, '')
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0)
  if (numberOf(field(148, 156).trim(), 8) !== sum) throw malformedArchive('a header is damaged')
  const prefix = field(257, 262) === 'ustar' ? field(345, 500) : ''
  const type = block[156] === 0 ? '0' : String.fromCharCode(block[156]!)
  return { name: prefix === '' ? field(0, 100) : `${prefix}/${field(0, 100)}`, size: sizeOf(block), type }
}

/** Octal text, or (from 8 GB on, by GNU) a big-endian number behind a set first bit. */
function sizeOf(block: Buffer): number {
  if (block[124]! & 0x80) throw unsafeArchive('it holds a file of more than 8 GB')
  return numberOf(block.toString('latin1', 124, 136).replace(/\0.*$/s, '').trim() || '0', 8)
}

function numberOf(text: string, base: 8 | 10): number {
  const number = (base === 8 ? /^[0-7]{1,12}$/ : /^\d{1,15}$/).test(text) ? Number.parseInt(text, base) : Number.NaN
  if (Number.isNaN(number)) throw malformedArchive('a header holds no number where one belongs')
  return number
}

/** Records of `length key=value\n`, where the length counts itself; in bytes. */
function readPax(text: string): Map<string, string> {
  const records = new Map<string, string>()
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const digits = /^\d{1,9}(?= )/.exec(bytes.toString('latin1', at, at + 10))?.[0] ?? ''
    const end = at + Number(digits)
    const [key, ...rest] = bytes.toString('utf8', at + digits.length + 1, end - 1).split('=')
    if (digits === '' || end > bytes.length || end <= at + digits.length || rest.length === 0) {
      throw malformedArchive('a header for long names is damaged')
    }
    records.set(key!, rest.join('='))
    at = end
  }
  return records
}

function isBrokenGzip(error: unknown): boolean {
  const code = (error as { code?: unknown }).code
  return typeof code === 'string' && code.startsWith('Z_')
}

/** A stream, taken in pieces of any length. */
class Chunks {
  readonly #iterator: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array(0)

  constructor(source: Readable) {
    this.#iterator = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>
  }

  /** Up to `most` bytes as they come; empty at the end. */
  async #next(most: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#iterator.next()
      if (done) return this.#rest
      this.#rest = value
    }
    const taken = this.#rest.subarray(0, most)
    this.#rest = this.#rest.subarray(taken.length)
    return taken
  }

  /** Exactly that many bytes, or fewer at the end. */
  async take(length: number): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for (let left = length; left > 0; ) {
      const part = await this.#next(left)
      if (part.length === 0) break
      parts.push(part)
      left -= part.length
    }
    return Buffer.concat(parts)
  }

  async text(length: number): Promise<string> {
    if (length > MAX_HEADER_BYTES) throw unsafeArchive('a name in it is too long')
    const bytes = await this.take(padded(length))
    if (bytes.length < length) throw malformedArchive('it ends inside a header')
    return bytes.toString('utf8', 0, length)
  }

  async *part(length: number): AsyncIterable<Uint8Array> {
    for (let left = length; left > 0; ) {
      const part = await this.#next(left)
      if (part.length === 0) throw malformedArchive('it ends inside a file')
      left -= part.length
      yield part
    }
  }

  async skip(length: number): Promise<void> {
    for await (const _ of this.part(length));
  }
}
