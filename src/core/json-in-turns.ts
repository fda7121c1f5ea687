// A long JSON text whose length lies in lists of its outermost object: the lists are read piece by piece, and everybody else has their turn in
// between. What comes of it is what `readJson` makes of the same bytes. Where the pieces end is found by counting brackets outside of texts; whether
// they are JSON is left to the engine, as is what remains of the object without its lists.
import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { fail } from './failure.ts'
import { MAX_DEPTH, refuseDangerous, tooLongToSay } from './json.ts'
import { nextTurn } from './turns.ts'

/** What is shorter is read at once: it takes some milliseconds. */
export const LONG_JSON_BYTES = 1024 * 1024
const PIECE_BYTES = 256 * 1024
const WHAT = 'request body'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPENS: ReadonlySet<number> = new Set([0x5b, 0x7b])
const CLOSES: ReadonlySet<number> = new Set([0x5d, 0x7d])
const OPENS_LIST = 0x5b

/** @throws `MALFORMED_JSON`. @param pieceBytes about so much is read at once. */
export async function readJsonInTurns(bytes: Uint8Array, pieceBytes = PIECE_BYTES): Promise<unknown> {
  if (!isUtf8(bytes)) throw fail('malformed', 'MALFORMED_JSON', `The ${WHAT} is not UTF-8`)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const hasMark = buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf
  return read(hasMark ? buffer.subarray(3) : buffer, pieceBytes)
}

async function read(bytes: Buffer, pieceBytes: number): Promise<unknown> {
  /** Stands in the place of a list; nobody can guess it. */
  const mark = randomUUID()
  const lists: unknown[][] = []
  let frame = ''
  let framed = 0
  for (const part of partsOf(bytes, pieceBytes)) {
    await nextTurn()
    if (part.kind === 'begins') {
      frame += `${bytes.toString('utf8', framed, part.at)}"${mark}",${lists.length}`
      lists.push([])
    } else if (part.kind === 'piece') {
      const items = parse(`[${bytes.toString('utf8', part.from, part.to)}]`, 1) as unknown[]
      if (items.length === 0) throw tooLongToSay(WHAT)
      const list = lists.at(-1)!
      for (const item of items) list.push(item)
    } else if (part.kind === 'ends') framed = part.at
  }
  const value = parse(frame + bytes.toString('utf8', framed), 0)
  if (typeof value !== 'object' || value === null) return value
  for (const [name, held] of Object.entries(value)) {
    if (Array.isArray(held) && held[0] === mark) (value as Record<string, unknown>)[name] = lists[held[1] as number]
  }
  return value
}

type Part =
  /** A long list of the outermost object: behind its bracket. */
  | { readonly kind: 'begins'; readonly at: number }
  /** Whole items of it, without the comma behind them. */
  | { readonly kind: 'piece'; readonly from: number; readonly to: number }
  /** At its last bracket. */
  | { readonly kind: 'ends'; readonly at: number }
  /** Time for somebody else. */
  | { readonly kind: 'looked' }

/** Of a list that is shorter than a piece nothing is said: it stays where it is. */
function* partsOf(bytes: Buffer, pieceBytes: number): Generator<Part> {
  let depth = 0
  /** Where the next piece begins; below 0 outside of lists. */
  let from = -1
  let begun = false
  let looked = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) at = endOfText(bytes, at)
    else if (OPENS.has(byte)) {
      if (++depth === 2 && byte === OPENS_LIST) from = at + 1
    } else if (CLOSES.has(byte)) {
      if (depth-- === 2 && from >= 0) {
        if (begun) {
          yield { kind: 'piece', from, to: at }
          yield { kind: 'ends', at }
        }
        from = -1
        begun = false
      }
    } else if (byte === COMMA && depth === 2 && from >= 0 && at - from >= pieceBytes) {
      if (!begun) yield { kind: 'begins', at: from }
      begun = true
      yield { kind: 'piece', from, to: at }
      from = at + 1
    }
    if (at - looked > pieceBytes) {
      looked = at
      yield { kind: 'looked' }
    }
  }
  // The text breaks off within the list.
  if (begun) yield { kind: 'ends', at: bytes.length }
}

/** Of one that begins at `start`: the place of its last quote, or the end where it has none. */
function endOfText(bytes: Buffer, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) at++
  }
  return bytes.length
}

/** @param within so many levels of the whole text. */
function parse(text: string, within: number): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw tooLongToSay(WHAT, cause)
  }
  refuseDangerous(value, { text, what: WHAT, deepest: MAX_DEPTH - within })
  return value
}
