// zip by its central directory (PKWARE APPNOTE 6.3): files stored or deflated, nothing else. The local headers are held against it,
// because an archive in which the two differ, or in which files overlap, was made to be read in two ways.
import { type FileHandle, open } from 'node:fs/promises'
import { crc32, createInflateRaw } from 'node:zlib'
import { malformedArchive, shown, type Unpacked, Unpacker, unsafeArchive } from './unpacker.ts'

const END_BYTES = 22
const MAX_COMMENT_BYTES = 0xffff
const MAX_DIRECTORY_BYTES = 16 * 2 ** 20
const ENTRY_BYTES = 46
const LOCAL_BYTES = 30
const END = 0x06054b50
const ENTRY = 0x02014b50
const LOCAL = 0x04034b50
/** In the place of a number that needs more than 32 bits. */
const BEYOND = 0xffffffff
const READ_BYTES = 2 ** 18

interface Entry {
  readonly name: string
  readonly method: number
  readonly flags: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly offset: number
}

export async function unpackZip(path: string, folder: string): Promise<Unpacked> {
  const file = await open(path)
  try {
    const { size } = await file.stat()
    const unpacker = new Unpacker(folder, size)
    const { entries, start } = await readDirectory(file, size, unpacker)
    let end = 0
    for (const entry of entries.sort((a, b) => a.offset - b.offset)) {
      if (entry.offset < end) throw unsafeArchive('files in it overlap')
      const data = await dataStart(file, entry)
      end = data + entry.packed
      if (end > start) throw malformedArchive('a file in it is longer than the archive')
      if (!entry.name.endsWith('/')) await unpacker.write(entry.name, checked(file, entry, data))
    }
    return unpacker.files
  } finally {
    await file.close()
  }
}

async function readDirectory(file: FileHandle, size: number, unpacker: Unpacker) {
  const tail = await readAt(
    file,
    Math.max(0, size - END_BYTES - MAX_COMMENT_BYTES),
    Math.min(size, END_BYTES + MAX_COMMENT_BYTES),
  )
  let at = tail.length - END_BYTES
  while (at >= 0 && !(tail.readUInt32LE(at) === END && at + END_BYTES + tail.readUInt16LE(at + 20) === tail.length))
    at--
  if (at < 0) throw malformedArchive('its end is missing')
  const count = tail.readUInt16LE(at + 10)
  const bytes = tail.readUInt32LE(at + 12)
  const start = tail.readUInt32LE(at + 16)
  if (start === BEYOND || count === 0xffff) throw unsafeArchive('it is a ZIP64 archive; send a .tar.gz instead')
  if (bytes > MAX_DIRECTORY_BYTES) throw unsafeArchive('its list of files is too long')
  if (start + bytes > size) throw malformedArchive('its list of files is missing')
  const directory = await readAt(file, start, bytes)
  const entries: Entry[] = []
  for (let next = 0; entries.length < count; ) {
    const { entry, end } = readEntry(directory, next)
    const name = unpacker.admit(entry.name)
    entries.push({ ...entry, name: entry.name.endsWith('/') ? `${name}/` : name })
    next = end
  }
  return { entries, start }
}

function readEntry(directory: Buffer, at: number): { entry: Entry; end: number } {
  if (at + ENTRY_BYTES > directory.length || directory.readUInt32LE(at) !== ENTRY) {
    throw malformedArchive('its list of files is damaged')
  }
  const nameEnd = at + ENTRY_BYTES + directory.readUInt16LE(at + 28)
  const end = nameEnd + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  if (end > directory.length) throw malformedArchive('its list of files is damaged')
  const entry = {
    name: directory.toString('utf8', at + ENTRY_BYTES, nameEnd),
    flags: directory.readUInt16LE(at + 8),
    method: directory.readUInt16LE(at + 10),
    crc: directory.readUInt32LE(at + 16),
    packed: directory.readUInt32LE(at + 20),
    size: directory.readUInt32LE(at + 24),
    offset: directory.readUInt32LE(at + 42),
  }
  requirePlain(entry, directory.readUInt32LE(at + 38) >>> 16)
  return { entry, end }
}

/** `mode`: as Unix writes it in the upper half of the external attributes; 0 elsewhere. */
function requirePlain({ name, flags, method, packed, size, offset }: Entry, mode: number): void {
  const kind = mode & 0o170000
  if (kind !== 0 && kind !== 0o100000 && kind !== 0o040000) {
    throw unsafeArchive(`"${shown(name)}" is ${kind === 0o120000 ? 'a link' : 'no file'}`)
  }
  if (flags & 0x2041) throw unsafeArchive(`"${shown(name)}" is encrypted`)
  if (packed === BEYOND || size === BEYOND || offset === BEYOND)
    throw unsafeArchive('it is a ZIP64 archive; send a .tar.gz instead')
  if (method !== 0 && method !== 8) throw unsafeArchive(`"${shown(name)}" is neither stored nor deflated`)
}

async function dataStart(file: FileHandle, { name, offset, method }: Entry): Promise<number> {
  const header = await readAt(file, offset, LOCAL_BYTES)
  if (header.readUInt32LE(0) !== LOCAL || header.readUInt16LE(8) !== method) {
    throw malformedArchive(`"${shown(name)}" is not where the list of files says`)
  }
  return offset + LOCAL_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28)
}

/** The content, which must be what the list of files says of it. */
async function* checked(file: FileHandle, entry: Entry, start: number): AsyncIterable<Uint8Array> {
  const packed = piecesOf(file, start, entry.packed)
  let crc = 0
  let bytes = 0
  for await (const chunk of entry.method === 0 ? packed : inflated(packed, entry.name)) {
    crc = crc32(chunk, crc)
    bytes += chunk.length
    if (bytes > entry.size) break
    yield chunk
  }
  if (bytes !== entry.size || crc !== entry.crc) throw malformedArchive(`"${shown(entry.name)}" is damaged`)
}

async function* piecesOf(file: FileHandle, start: number, length: number): AsyncIterable<Buffer> {
  for (let at = 0; at < length; at += READ_BYTES)
    yield await readAt(file, start + at, Math.min(READ_BYTES, length - at))
}

async function* inflated(packed: AsyncIterable<Buffer>, name: string): AsyncIterable<Buffer> {
  const inflate = createInflateRaw()
  const feeding = (async () => {
    for await (const piece of packed) if (!inflate.write(piece)) await new Promise((go) => inflate.once('drain', go))
    inflate.end()
  })().catch((error: Error) => inflate.destroy(error))
  try {
    for await (const chunk of inflate) yield chunk as Buffer
    await feeding
  } catch (error) {
    const broken = String((error as { code?: unknown }).code).startsWith('Z_')
    throw broken ? malformedArchive(`"${shown(name)}" is damaged`, error) : error
  } finally {
    inflate.destroy()
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  for (let read = 0; read < length; ) {
    const { bytesRead } = await file.read(buffer, read, length - read, position + read)
    if (bytesRead === 0) throw malformedArchive('it ends too early')
    read += bytesRead
  }
  return buffer
}
