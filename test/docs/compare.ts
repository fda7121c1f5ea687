// Is this the output that a document shows? Ids, times and fractions differ from run to run, so they are masked; `…` in the
// document stands for anything. JSON is compared as values, so that a document may show one long line nicely broken.

/** @returns what differs, in words; undefined where nothing does. */
export function difference(expected: string, actual: string): string | undefined {
  const [wanted, given] = [json(expected), json(actual)]
  if (wanted !== undefined && given !== undefined) return differentValue(wanted, given, '$')
  const pattern = linesOf(expected).map(linePattern).join('')
  const text = linesOf(masked(actual)).map((line) => `${trimmed(line)}\n`)
  if (new RegExp(`^${pattern}$`).test(text.join(''))) return undefined
  return `expected:\n${expected.trim()}\n\ngot:\n${actual.trim()}`
}

function linesOf(text: string): string[] {
  return text.trim().split('\n')
}

/** `…` on a line by itself is any number of lines, none too; within a line it is any text. */
function linePattern(line: string): string {
  if (line.trim() === '…') return '(?:.*\\n)*?'
  return `${textPattern(line)}\\n`
}

function textPattern(line: string): string {
  return trimmed(masked(line))
    .replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('…', '.*?')
}

function trimmed(line: string): string {
  return line.replaceAll(/\s+/g, ' ').replaceAll(/-{2,}/g, '--').trimEnd()
}

function masked(text: string): string {
  return text
    .replaceAll(/\b(model|dataset|job|pred|dep|req|evt)_[0-9a-hjkmnp-tv-z]{26}\b/g, '$1_ID')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'SHA256')
    .replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, 'URL')
    .replaceAll(/(?<![\d.])-?\d+\.\d+(e-?\d+)?(?![\d.]*\d)/g, 'FRACTION')
}

function differentValue(expected: unknown, actual: unknown, place: string): string | undefined {
  if (expected === '…') return undefined
  if (typeof expected === 'number' && !Number.isInteger(expected)) {
    return typeof actual === 'number' ? undefined : `${place}: expected a number, got ${JSON.stringify(actual)}`
  }
  if (typeof expected === 'string' && typeof actual === 'string') {
    return sameText(expected, actual) ? undefined : unequal(expected, actual, place)
  }
  if (!isObject(expected) || !isObject(actual)) {
    return expected === actual ? undefined : unequal(expected, actual, place)
  }
  const extra = Object.keys(actual).filter((key) => !(key in expected))
  if (extra.length > 0 && !('…' in expected)) return `${place}: got ${extra.join(', ')} as well`
  for (const key of Object.keys(expected)) {
    if (key === '…') continue
    const found = differentValue(expected[key], actual[key], `${place}.${key}`)
    if (found) return found
  }
  return undefined
}

function sameText(expected: string, actual: string): boolean {
  return new RegExp(`^${textPattern(expected)}$`, 's').test(trimmed(masked(actual)))
}

function unequal(expected: unknown, actual: unknown, place: string): string {
  return `${place}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
