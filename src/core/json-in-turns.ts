// A long JSON text whose length lies in its lists, wherever they stand: the lists are read piece by piece, and everybody else has their turn in
// between. What comes of it is what `readJson` makes of the same bytes. Where the pieces end is found by counting brackets outside of texts; whether
// they are JSON is left to the engine, as is what remains of the text without its lists.
import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { fail } from './failure.ts'
import { MAX_DEPTH, refuseDangerous, tooDeep, tooLongToSay } from './json.ts'
import { nextTurn } from './turns.ts'

/** What is shorter is read at once: it takes some milliseconds. */
export const LONG_JSON_BYTES = 1024 * 1024
const PIECE_BYTES = 256 * 1024
const WHAT = 'request body'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPENS_LIST = 0x5b
const CLOSES_LIST = 0x5d
const OPENS_OBJECT = 0x7b
const CLOSES_OBJECT = 0x7d

/** @throws `MALFORMED_JSON`. @param pieceBytes about so much is read at once. */
export async function readJsonInTurns(bytes: Uint8Array, pieceBytes = PIECE_BYTES): Promise<unknown> {
  if (!isUtf8(bytes)) throw fail('malformed', 'MALFORMED_JSON', `The ${WHAT} is not UTF-8`)
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const hasMark = buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf
  return read(hasMark ? buffer.subarray(3) : buffer, pieceBytes)
}

async function read(bytes: Buffer, pieceBytes: number): Promise<unknown> {
  /** Stands in the place of a list, or of its end; nobody can guess it. */
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
      const items = parse(`[${bytes.toString('utf8', part.from, part.to)}]`, part.within) as unknown[]
      if (items.length === 0) throw tooLongToSay(WHAT)
      const list = lists.at(-1)!
      for (const item of items) list.push(item)
    } else if (part.kind === 'ends') framed = part.at
  }
  const value = parse(frame + bytes.toString('utf8', framed), 0)
  return lists.length === 0 ? value : restored(value, { mark, lists })
}

interface Taken {
  readonly mark: string
  readonly lists: readonly unknown[][]
}

/** The lists back in their places. Only the frame is walked: there are no marks in what was read in pieces. */
function restored(value: unknown, taken: Taken): unknown {
  const holder = { value }
  const walk: object[] = [holder]
  const ends: (() => void)[] = []
  for (let node = walk.pop(); node !== undefined; node = walk.pop()) {
    for (const [name, child] of Object.entries(node)) {
      if (typeof child !== 'object' || child === null) continue
      const list = Array.isArray(child) ? takenOf(child, taken) : undefined
      if (list === undefined) walk.push(child)
      else if (child.length === 0) (node as Record<string, unknown>)[name] = list
      else {
        // What stands before the pieces may hold lists of its own.
        walk.push(child)
        ends.push(() => {
          for (const item of list) child.push(item)
        })
      }
    }
  }
  for (const end of ends) end()
  return holder.value
}

/** What was taken from the end of a list, or undefined; the mark is gone from it then. */
function takenOf(list: unknown[], { mark, lists }: Taken): unknown[] | undefined {
  if (list.length < 2 || list.at(-2) !== mark) return undefined
  const [, index] = list.splice(-2)
  return lists[index as number]
}

type Part =
  /** The items of a long list from here on. */
  | { readonly kind: 'begins'; readonly at: number }
  /** Whole items of it, without the comma behind them; so many levels around the list. */
  | { readonly kind: 'piece'; readonly from: number; readonly to: number; readonly within: number }
  /** At its last bracket. */
  | { readonly kind: 'ends'; readonly at: number }
  /** Time for somebody else. */
  | { readonly kind: 'looked' }

/** In the place of where a piece begins: of an object, and of a list that is cut at its next comma at the earliest. */
const NEVER = -1
const LATER = -2

/** Of a list that is shorter than a piece nothing is said: it stays where it is. Most bytes are of numbers and words, and passed over. */
function* partsOf(bytes: Buffer, pieceBytes: number): Generator<Part> {
  /** Of each open bracket: where the next piece of it begins. */
  const open: number[] = []
  /** Place of the list that is being read in pieces; what it holds is read with it. */
  let begun = NEVER
  let looked = 0
  for (let at = 0; at < bytes.length; at++) {
    if (at - looked >= pieceBytes) {
      looked = at
      yield { kind: 'looked' }
    }
    const top = open.length - 1
    const from = top < 0 || (begun >= 0 && begun !== top) ? NEVER : open[top]!
    const cutFrom = from === LATER ? at : from === NEVER ? bytes.length : from + pieceBytes
    at = nextOf(bytes, at, { cutFrom, end: Math.min(bytes.length, looked + pieceBytes) })
    const byte = bytes[at]
    if (byte === QUOTE) at = endOfText(bytes, at)
    else if (byte === OPENS_LIST || byte === OPENS_OBJECT) {
      if (open.length === MAX_DEPTH) throw tooDeep(WHAT)
      open.push(byte === OPENS_LIST ? at + 1 : NEVER)
    } else if (byte === CLOSES_LIST || byte === CLOSES_OBJECT) {
      if (begun >= 0 && begun === top) {
        yield { kind: 'piece', from, to: at, within: top }
        yield { kind: 'ends', at }
        begun = NEVER
        for (let i = 0; i < top; i++) if (open[i] !== NEVER) open[i] = LATER
      }
      open.pop()
    } else if (byte === COMMA && at >= cutFrom) {
      if (from >= 0) {
        if (begun < 0) yield { kind: 'begins', at: from }
        begun = top
        yield { kind: 'piece', from, to: at, within: top }
      }
      open[top] = at + 1
    }
  }
  // The text breaks off within the list.
  if (begun >= 0) yield { kind: 'ends', at: bytes.length }
}

/** The next quote, bracket, or comma at which a list may be cut; else the end of what is looked at, as long as that is short of the last byte. */
function nextOf(bytes: Buffer, start: number, { cutFrom, end }: { readonly cutFrom: number; readonly end: number }) {
  let at = start
  for (; at < end; at++) {
    const byte = bytes[at]!
    // Numbers, which are most of most texts.
    if (byte > COMMA && byte < OPENS_LIST) continue
    if (byte === QUOTE || (byte === COMMA && at >= cutFrom)) break
    if (byte === OPENS_LIST || byte === CLOSES_LIST || byte === OPENS_OBJECT || byte === CLOSES_OBJECT) break
  }
  return at
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
