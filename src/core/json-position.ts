// Where a text stops being JSON. `JSON.parse` names the place only sometimes, so a text it refused is read once more by
// this scanner: no recursion (depth costs no stack), no values built, run only after a failure.
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const WORD = /true|false|null/y
const SPACE = /[ \t\n\r]*/y
const QUOTE = 0x22
const BACKSLASH = 0x5c
const FIRST_PRINTABLE = 0x20

export interface Position {
  readonly offset: number
  /** Both count from 1. */
  readonly line: number
  readonly column: number
}

/** Offset of the first character that cannot be part of a JSON text; the length where it ends too early. */
export function firstError(text: string): number {
  const open: string[] = []
  let at = skip(SPACE, text, 0)
  for (;;) {
    // A value is due here.
    const first = text[at]
    if (first === '{' || first === '[') {
      open.push(first)
      at = skip(SPACE, text, at + 1)
      if (text[at] !== (first === '{' ? '}' : ']')) {
        if (first === '{') {
          const value = afterKey(text, at)
          if (value.failed) return value.at
          at = value.at
        }
        continue
      }
    } else {
      const value = first === '"' ? string(text, at) : plain(text, at)
      if (value.failed) return value.at
      at = skip(SPACE, text, value.at)
    }
    // A value has ended: close what ends with it, then expect a comma or the end.
    while (open.length > 0 && text[at] === (open[open.length - 1] === '{' ? '}' : ']')) {
      open.pop()
      at = skip(SPACE, text, at + 1)
    }
    if (open.length === 0 || text[at] !== ',') return at
    at = skip(SPACE, text, at + 1)
    if (open[open.length - 1] === '{') {
      const value = afterKey(text, at)
      if (value.failed) return value.at
      at = value.at
    }
  }
}

export function positionOf(text: string, offset: number): Position {
  const before = text.slice(0, offset)
  const lastBreak = before.lastIndexOf('\n')
  return { offset, line: before.split('\n').length, column: offset - lastBreak }
}

/** Where reading stands, and whether it stands there because it can go no further. */
interface Reading {
  readonly at: number
  readonly failed: boolean
}

function plain(text: string, at: number): Reading {
  const end = skip(/[a-z]/.test(text[at] ?? '') ? WORD : NUMBER, text, at)
  return { at: end, failed: end === at }
}

/** By hand: a pattern for a string of megabytes exhausts the stack of the pattern matcher. */
function string(text: string, start: number): Reading {
  if (text[start] !== '"') return { at: start, failed: true }
  let at = start + 1
  while (at < text.length) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return { at: at + 1, failed: false }
    const next = code === BACKSLASH ? skip(ESCAPE, text, at) : code < FIRST_PRINTABLE ? at : at + 1
    if (next === at) return { at, failed: true }
    at = next
  }
  return { at, failed: true }
}

/** `at` stands on a key; the answer stands on the value after its colon. */
function afterKey(text: string, at: number): Reading {
  const key = string(text, at)
  if (key.failed) return key
  const colon = skip(SPACE, text, key.at)
  if (text[colon] !== ':') return { at: colon, failed: true }
  return { at: skip(SPACE, text, colon + 1), failed: false }
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}
