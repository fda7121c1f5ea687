// Rows sent inside a request, as the bytes of a JSON-lines file, so that an inline dataset is a file like any other.

const BLOCK = 65_536

/** One JSON object a line, in blocks of about 64 KB. Values are not looked at: `inspect` judges the file. */
export function* jsonLines(rows: Iterable<unknown>): Generator<string> {
  let block = ''
  for (const row of rows) {
    block += `${wellFormed(lineOf(row))}\n`
    if (block.length < BLOCK) continue
    yield block
    block = ''
  }
  if (block !== '') yield block
}

function lineOf(row: unknown): string {
  const line = JSON.stringify(row)
  return line.includes('null') && holdsInfinity(row) ? JSON.stringify(row, withInfinity) : line
}

/** 1e400 is a number in JSON and more than a double holds: written as null it would be a missing cell. */
function withInfinity(_: string, value: unknown): unknown {
  return isInfinity(value) ? raw.rawJSON(value === Number.POSITIVE_INFINITY ? '1e999' : '-1e999') : value
}

/** Newer than the library of TypeScript knows. */
const raw = JSON as JSON & { rawJSON(text: string): unknown }

function holdsInfinity(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return isInfinity(value)
  return Object.values(value).some(holdsInfinity)
}

function isInfinity(value: unknown): boolean {
  return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY
}

/** Whole pairs are written as they are, so every escape of a surrogate is half of one; `\\ud800` is a backslash and text. */
function wellFormed(line: string): string {
  if (!line.includes('\\ud')) return line
  return line.replaceAll(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (found) => (found === '\\\\' ? found : '\ufffd'))
}
