// Rows as numbers that are equal for equal rows (and by chance for one pair in 10¹⁵), column by column: comparing the cells
// themselves would take longer than learning from them.
import type { Column, Table } from '../../../ml/table.ts'

/** One digest a row, of the columns named. Tables with the same dictionaries are comparable. */
export function rowDigests(table: Table, names: readonly string[]): Float64Array {
  const low = new Uint32Array(table.rows).fill(0x811c9dc5)
  const high = new Uint32Array(table.rows).fill(0x9e3779b9)
  for (const name of names) {
    const cell = cellDigest(table.columns.get(name)!)
    for (let row = 0; row < table.rows; row++) {
      const value = cell(row)
      low[row] = mix(low[row]! ^ value)
      high[row] = mix(Math.imul(high[row]!, 31) + value)
    }
  }
  return Float64Array.from(low, (value, row) => value + (high[row]! & 0x1fffff) * 2 ** 32)
}

function cellDigest(column: Column): (row: number) => number {
  if (column.form === 'category') return (row) => column.codes[row]!
  if (column.form === 'text') return (row) => textDigest(column.values[row] ?? null)
  const bits = new Int32Array(column.values.buffer, column.values.byteOffset, 2 * column.values.length)
  return (row) => (Number.isNaN(column.values[row]!) ? 1 : mix(bits[2 * row]!) ^ bits[2 * row + 1]!)
}

/** FNV-1a over the code units. */
function textDigest(text: string | null): number {
  if (text === null) return 1
  let digest = 0x811c9dc5
  for (let i = 0; i < text.length; i++) digest = Math.imul(digest ^ text.charCodeAt(i), 0x01000193)
  return digest
}

/** The last step of MurmurHash3: every bit of the input reaches every bit of the output. */
function mix(value: number): number {
  let mixed = value | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}
