// A folder as one upload: a gzipped tar, made while it is sent. Links are not followed; they are left out.
import { createReadStream } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { fail } from '../core/failure.ts'

const BLOCK = 512
const NAME_BYTES = 100
/** Eleven octal digits. */
const MAX_FILE_BYTES = 8 ** 11 - 1

export async function isFolder(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined))?.isDirectory() ?? false
}

/** All plain files below `path`, by their names relative to it. */
export function packFolder(path: string): AsyncIterable<Uint8Array> {
  const packed = createGzip()
  // Who reads is told of a file that cannot be packed; `pipe` would tell nobody, and end the process.
  pipeline(Readable.from(tarOf(path)), packed, () => {})
  return packed
}

async function* tarOf(folder: string): AsyncIterable<Uint8Array> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  for (const entry of entries.filter((one) => one.isFile())) {
    const path = join(entry.parentPath, entry.name)
    const { size } = await lstat(path)
    if (size > MAX_FILE_BYTES) throw fail('too_large', 'MODEL_TOO_LARGE', `${path} has more than 8 GB`)
    const name = path.slice(join(folder, sep).length).split(sep).join('/')
    if (Buffer.byteLength(name) > NAME_BYTES)
      yield* file('././@LongLink', { type: 'L', content: Buffer.from(`${name}\0`) })
    yield header(name, size, '0')
    let sent = 0
    if (size > 0) {
      for await (const chunk of createReadStream(path, { end: size - 1 })) {
        sent += (chunk as Uint8Array).length
        yield chunk as Uint8Array
      }
    }
    if (sent !== size) throw fail('conflict', 'FILE_UNREADABLE', `Cannot read ${path}: it became shorter meanwhile`)
    yield padding(size)
  }
  yield Buffer.alloc(2 * BLOCK)
}

function* file(name: string, { type, content }: { type: string; content: Uint8Array }): Iterable<Uint8Array> {
  yield header(name, content.length, type)
  yield content
  yield padding(content.length)
}

const padding = (size: number) => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK)

/** A header of ustar: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html */
function header(name: string, size: number, type: string): Buffer {
  const block = Buffer.alloc(BLOCK)
  block.write(name, 0, NAME_BYTES)
  block.write(`0000644\0${'0000000\0'.repeat(2)}`, 100)
  block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  block.write(`${'0'.repeat(11)}\0        ${type}`, 136)
  block.write('ustar\x0000', 257, 'latin1')
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}
