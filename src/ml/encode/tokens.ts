// Splits text the way the graph's StringNormalizer and Tokenizer do. Used only to choose a vocabulary: a difference could
// lose a feature, never make training and serving disagree. A test compares both over every code point.
//
// A word is two or more letters, marks, digits or underscores (scikit-learn's `\w\w+` plus marks). Where a script writes no
// spaces between words each of its characters is one, as search engines do it: else a sentence were a single word that never
// comes again. Pairs of words are then pairs of characters, which is what most Chinese words are.

const WORD_CHARACTER = /^[\p{L}\p{M}\p{N}_]$/u
/** With the sign that lengthens a vowel in Japanese. By script: extensions of it would take accents of Latin letters along. */
const UNSPACED = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}ーｰ\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]$/u

const SEPARATES = 1
const OF_A_WORD = 2
const ALONE = 3

/** 0 = not yet known; by UTF-16 unit, surrogates are looked up by code point. */
const KINDS = new Uint8Array(0x10000)
const ASTRAL = new Map<number, number>()

function kindOf(codePoint: number): number {
  const known = codePoint < 0x10000 ? KINDS[codePoint]! : (ASTRAL.get(codePoint) ?? 0)
  if (known !== 0) return known
  const kind = classify(codePoint)
  if (codePoint < 0x10000) KINDS[codePoint] = kind
  else ASTRAL.set(codePoint, kind)
  return kind
}

function classify(codePoint: number): number {
  const character = String.fromCodePoint(codePoint)
  if (!WORD_CHARACTER.test(character)) return SEPARATES
  return UNSPACED.test(character) ? ALONE : OF_A_WORD
}

let pattern: string | undefined

/** RE2 pattern of a word in the graph. As ranges, because RE2 cannot take one class from another. */
export function wordPattern(): string {
  if (pattern !== undefined) return pattern
  const ranges = new Map([ALONE, OF_A_WORD].map((kind) => [kind, [] as string[]]))
  for (const [first, last] of PLANES) {
    for (let from = first, at = first; at <= last; at = from) {
      const kind = classify(from)
      while (at <= last && classify(at) === kind) at++
      ranges.get(kind)?.push(`\\x{${from.toString(16)}}-\\x{${(at - 1).toString(16)}}`)
      from = at
    }
  }
  pattern = `[${ranges.get(ALONE)!.join('')}]|[${ranges.get(OF_A_WORD)!.join('')}]{2,}`
  return pattern
}

/** Where Unicode has letters, marks and numbers: around the surrogates, and not in the planes between that are empty. */
const PLANES = [
  [0, 0xd7ff],
  [0xe000, 0x3ffff],
  [0xe0000, 0xe01ff],
] as const

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
    const kind = wide ? kindOf(text.codePointAt(at)!) : KINDS[unit] || kindOf(unit)
    if (kind === OF_A_WORD) {
      if (start < 0) start = at
      points++
    } else {
      if (points > 1) visit(text.slice(start, at))
      start = -1
      points = 0
      if (kind === ALONE) visit(wide ? text.slice(at, at + 2) : text[at]!)
    }
    if (wide) at++
  }
  if (points > 1) visit(text.slice(start))
}

/** Calls `visit` with every code point of a text that is lower case already. */
export function eachCharacter(text: string, visit: (character: string) => void): void {
  for (const character of text) visit(character)
}
