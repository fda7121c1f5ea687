// Rows sent inside a request, as the bytes of a JSON-lines file, so that an inline dataset is a file like any other.

const BLOCK = 65_536

/** One JSON object a line, in blocks of about 64 KB. Values are not looked at: `inspect` judges the file. */
export function* jsonLines(rows: Iterable<unknown>): Generator<string> {
  let block = ''
  for (const row of rows) {
    block += `${wellFormed(JSON.stringify(row))}\n`
    if (block.length < BLOCK) continue
    yield block
    block = ''
  }
  if (block !== '') yield block
}

/** Whole pairs are written as they are, so every escape of a surrogate is half of one; `\\ud800` is a backslash and text. */
function wellFormed(line: string): string {
  if (!line.includes('\\ud')) return line
  return line.replaceAll(/\\\\|\\ud[89a-f][0-9a-f]{2}/g, (found) => (found === '\\\\' ? found : '\ufffd'))
}
