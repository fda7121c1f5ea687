// What an archive may hold, whatever its format: files with names that stay inside, each once, and not more of them or of their
// bytes than a model has. A small archive that swells a hundredfold is refused as well.
import { createWriteStream } from 'node:fs'
import { join } from 'node:path'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fail } from '../../../core/failure.ts'

/** Paths on disk by the name in the archive, with `/` between its parts. */
export type Unpacked = ReadonlyMap<string, string>

const MAX_FILES = 10_000
const MAX_TOTAL_BYTES = 2 ** 31
const MAX_NAME_CHARACTERS = 1024
/** Below this, how much an archive swells does not matter. */
const HARMLESS_BYTES = 64 * 2 ** 20
const MAX_SWELL = 100

export function malformedArchive(what: string, cause?: unknown) {
  return fail('malformed', 'ARCHIVE_MALFORMED', `The archive cannot be read: ${what}`, { cause })
}

export function unsafeArchive(what: string) {
  return fail('invalid', 'ARCHIVE_UNSAFE', `The archive is refused: ${what}`)
}

export class Unpacker {
  readonly files = new Map<string, string>()
  readonly #folder: string
  readonly #limit: number
  #seen = 0
  #bytes = 0

  constructor(folder: string, archiveBytes: number) {
    this.#folder = folder
    this.#limit = Math.min(MAX_TOTAL_BYTES, Math.max(HARMLESS_BYTES, archiveBytes * MAX_SWELL))
  }

  /** The name as it is kept; to be called for every entry, folders included. */
  admit(name: string): string {
    this.#seen++
    if (this.#seen > MAX_FILES) throw unsafeArchive(`it holds more than ${MAX_FILES} files`)
    return safeName(name)
  }

  /** Bytes that are written nowhere, but cost time to come by: those of folders and of long names. */
  count(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#limit) throw tooLarge(this.#limit)
  }

  async write(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    if (this.files.has(name)) throw unsafeArchive(`it holds "${shown(name)}" twice`)
    const path = join(this.#folder, String(this.files.size))
    this.files.set(name, path)
    const count = new Transform({
      transform: (chunk: Uint8Array, _encoding, done) => {
        try {
          this.count(chunk.length)
          done(null, chunk)
        } catch (error) {
          done(error as Error)
        }
      },
    })
    await pipeline(content, count, createWriteStream(path))
  }
}

function tooLarge(limit: number) {
  const size = limit === MAX_TOTAL_BYTES ? '2 GiB' : `${Math.round(limit / 2 ** 20)} MiB, a hundred times its size`
  return fail('too_large', 'MODEL_TOO_LARGE', `The archive unpacks to more than ${size}`)
}

/** `./a/b` is `a/b`; whatever leads out of the archive, or means something else elsewhere, is refused. */
function safeName(name: string): string {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  const bad = name.startsWith('/') || /[\\\0]|^[A-Za-z]:/.test(name) || parts.includes('..')
  if (bad) throw unsafeArchive(`the name "${shown(name)}" leads out of it`)
  if (name.length > MAX_NAME_CHARACTERS) throw unsafeArchive('a name in it is too long')
  return parts.join('/')
}

export function shown(name: string): string {
  return JSON.stringify(name.slice(0, 100)).slice(1, -1)
}
