// JSON from outside, whichever way it came: a broken text is answered with the place of the break, and documents that could hurt later
// code (nested thousands deep, a key `__proto__`) are refused here.
import { isUtf8 } from 'node:buffer'
import { fail, type MlError } from './failure.ts'
import { firstError, positionOf } from './json-position.ts'

/** Deeper than any honest document, shallow enough for every recursive reader behind us. */
export const MAX_DEPTH = 1000
/** Of longer texts the place of the break is not looked for: that holds up everybody else ten times as long as reading did. */
const LOCATED_LENGTH = 1024 * 1024

/** As `parseJson`; bytes that are no UTF-8 are refused, rather than read as something that nobody wrote. */
export function readJson(bytes: Uint8Array, what = 'request body'): unknown {
  if (!isUtf8(bytes)) throw fail('malformed', 'MALFORMED_JSON', `The ${what} is not UTF-8`)
  return parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'), what)
}

/** A text as a value. Throws `MALFORMED_JSON`. */
export function parseJson(text: string, what = 'request body'): unknown {
  const json = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw malformed(json, what, error)
  }
  refuseDangerous(value, { text: json, what, deepest: MAX_DEPTH })
  return value
}

interface Parsed {
  readonly text: string
  readonly what: string
  /** Levels it may have. */
  readonly deepest: number
}

/** Both checks walk the whole value, so they run only where the text could possibly break the rule. */
export function refuseDangerous(value: unknown, { text, what, deepest }: Parsed): void {
  if (text.length >= 2 * deepest || text.includes('__proto__') || text.includes('\\u005')) inspect(value, what, deepest)
}

export function tooLongToSay(what: string, cause?: unknown): MlError {
  return fail('malformed', 'MALFORMED_JSON', `The ${what} is not JSON; it is too long to say where`, { cause })
}

export function tooDeep(what: string): MlError {
  return fail('malformed', 'MALFORMED_JSON', `The ${what} is nested more than ${MAX_DEPTH} levels deep`)
}

function malformed(text: string, what: string, cause: unknown) {
  if (text.length > LOCATED_LENGTH) return tooLongToSay(what, cause)
  const { offset, line, column } = positionOf(text, firstError(text))
  const found = offset >= text.length ? 'the text ends too early' : `unexpected ${JSON.stringify(text[offset])}`
  return fail('malformed', 'MALFORMED_JSON', `The ${what} is not JSON: ${found} at line ${line}, column ${column}`, {
    details: { offset, line, column },
    cause,
  })
}

/** Breadth first, so that depth costs no stack. */
function inspect(root: unknown, what: string, deepest: number): void {
  let level: object[] = isObject(root) ? [root] : []
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > deepest) throw tooDeep(what)
    const next: object[] = []
    for (const node of level) {
      if (Object.hasOwn(node, '__proto__')) {
        throw fail('malformed', 'MALFORMED_JSON', `The ${what} has the key "__proto__", which is not allowed`)
      }
      for (const child of Array.isArray(node) ? node : Object.values(node)) if (isObject(child)) next.push(child)
    }
    level = next
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}
