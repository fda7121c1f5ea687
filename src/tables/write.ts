// Rows sent inside a request, as the bytes of a JSON-lines file, so that an inline dataset is a file like any other.

const BLOCK = 65_536

/** One JSON object a line, in blocks of about 64 KB. Values are not looked at: `inspect` judges the file. */
export function* jsonLines(rows: Iterable<unknown>): Generator<string> {
  let block = ''
  for (const row of rows) {
    block += `${JSON.stringify(row)}\n`
    if (block.length < BLOCK) continue
    yield block
    block = ''
  }
  if (block !== '') yield block
}
