// Splits text the way the graph's StringNormalizer and Tokenizer do. Used only to choose a vocabulary: a difference could
// lose a feature, never make training and serving disagree. A test compares both over every code point.

/** RE2 pattern of a word in the graph: two or more letters, marks, digits or underscores (scikit-learn's `\w\w+` plus marks). */
export const WORD_PATTERN = '[\\p{L}\\p{M}\\p{N}_]{2,}'

const WORD_CHARACTER = /^[\p{L}\p{M}\p{N}_]$/u

/** 0 = not yet known, 1 = separates, 2 = belongs to a word; by UTF-16 unit, surrogates are looked up by code point. */
const KINDS = new Uint8Array(0x10000)
const ASTRAL = new Map<number, boolean>()

function isWord(codePoint: number): boolean {
  if (codePoint < 0x10000) {
    if (KINDS[codePoint] === 0) KINDS[codePoint] = WORD_CHARACTER.test(String.fromCharCode(codePoint)) ? 2 : 1
    return KINDS[codePoint] === 2
  }
  let known = ASTRAL.get(codePoint)
  if (known === undefined) {
    known = WORD_CHARACTER.test(String.fromCodePoint(codePoint))
    ASTRAL.set(codePoint, known)
  }
  return known
}

/**
 * Lower case, one code point for one, as C's `towlower` does it: JavaScript alone would turn "İ" into two and a final
 * "Σ" into "ς". Text after a NUL is cut, because the runtime hands strings over as C does.
 */
export function lowerCase(text: string): string {
  const end = text.indexOf('\0')
  const whole = end < 0 ? text : text.slice(0, end)
  return whole.replaceAll('İ', 'i').replaceAll('Σ', 'σ').toLowerCase()
}

/** Calls `visit` with every word of a text that is lower case already. */
export function eachWord(text: string, visit: (word: string) => void): void {
  const length = text.length
  let start = -1
  let points = 0
  for (let at = 0; at < length; at++) {
    const unit = text.charCodeAt(at)
    const wide = (unit & 0xfc00) === 0xd800 && at + 1 < length && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00
    const kind = KINDS[unit]
    if (
      kind === 2 ||
      (kind !== 1 && isWord(wide ? text.codePointAt(at)! : unit)) ||
      (wide && isWord(text.codePointAt(at)!))
    ) {
      if (start < 0) start = at
      points++
    } else if (start >= 0) {
      if (points > 1) visit(text.slice(start, at))
      start = -1
      points = 0
    }
    if (wide) at++
  }
  if (points > 1) visit(text.slice(start))
}

/** Calls `visit` with every code point of a text that is lower case already. */
export function eachCharacter(text: string, visit: (character: string) => void): void {
  for (const character of text) visit(character)
}
