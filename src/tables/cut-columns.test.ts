import { describe, expect, it } from 'vitest'
import { seededRandom } from '../core/random.ts'
import { csvRecords } from './csv-cells.ts'
import { ColumnCutter } from './cut-columns.ts'
import { EngineError } from './engine.ts'

const COLUMNS = [
  { from: 0, to: 2 },
  { from: 2, to: 5 },
]
const HEADER = 'a,b,c,d,e'

/** The strips as text; the file comes in blocks of `size` bytes, rows are taken `most` at a time. */
function cut(
  text: string,
  { size = 1e9, most = 1e9, skip = 0 }: { readonly size?: number; readonly most?: number; readonly skip?: number } = {},
): string[] {
  const cutter = new ColumnCutter(',', COLUMNS, { most, skip })
  const strips = ['', '']
  const take = () => {
    cutter.strips.forEach((strip, k) => {
      strips[k] += strip.bytes.toString('utf8', 0, strip.length)
      strip.length = 0
    })
    cutter.rows = 0
  }
  const bytes = Buffer.from(text)
  for (let from = 0; from < bytes.length; from += size) {
    const block = bytes.subarray(from, from + size)
    for (let at = 0; at < block.length; ) {
      at = cutter.push(block, at)
      if (cutter.isFull) take()
    }
  }
  cutter.end()
  take()
  return strips
}

describe('a table that is cut by columns', () => {
  it('loses its header and keeps every cell as it was written', () => {
    expect(cut(`${HEADER}\n1, x,,"a, ""b""\n" ,5\n,,,,\n`)).toEqual(['1, x\n,\n', ',"a, ""b""\n" ,5\n,,\n'])
  })

  it.each(['\n', '\r\n', '\r'])('may end its lines with %j, have blank ones, and lack the last end', (end) => {
    expect(cut([HEADER, '', '1,2,3,4,5', '', '6,7,8,9,'].join(end))).toEqual(['1,2\n6,7\n', '3,4,5\n8,9,\n'])
  })

  it('may have a delimiter at the end of a row', () => {
    expect(cut(`${HEADER}\n1,2,3,4,5,\n6,7,8,9,0\n`)).toEqual(['1,2\n6,7\n', '3,4,5\n8,9,0\n'])
  })

  it('is the same in blocks of any size, and in parts of any number of rows', () => {
    const random = seededRandom(7)
    const cells = ['', '1', ' x ', '"q"', '"a,b"', '"line\r\nend"', '""""', 'mid"quote', 'ä', ' "spaced" ']
    const row = () => Array.from({ length: 5 }, () => cells[random.integer(cells.length)]!).join(',')
    for (const end of ['\n', '\r\n']) {
      const text = [HEADER, ...Array.from({ length: 40 }, row)].join(end)
      const whole = cut(text)
      const records = csvRecords(Buffer.from(text.replaceAll('\r\n', '\n')), ',', 5).slice(1)
      const read = whole.map((strip, k) => csvRecords(Buffer.from(strip.replaceAll('\r\n', '\n')), ',', k + 2))
      expect(records.map((_, i) => [...read[0]![i]!, ...read[1]![i]!])).toEqual(records)
      for (const size of [1, 2, 3, 7, 64]) {
        expect(cut(text, { size })).toEqual(whole)
        expect(cut(text, { size, most: 3 })).toEqual(whole)
      }
    }
  })

  it('may have a byte-order mark before a quoted name', () => {
    expect(cut(`\ufeff"a,b",b,c,d,e\n1,2,3,4,5\n`)).toEqual(['1,2\n', '3,4,5\n'])
  })

  it('can begin with a later row', () => {
    expect(cut(`${HEADER}\n1,2,3,4,5\n6,7,8,9,0\n`, { skip: 1 })).toEqual(['6,7\n', '8,9,0\n'])
    expect(cut(`${HEADER}\n1,2,3,4,5\n`, { skip: 3 })).toEqual(['', ''])
  })

  it.each([
    ['is too short', '1,2,3,4'],
    ['is too long', '1,2,3,4,5,6'],
    ['holds only a space', ' '],
    ['has text behind a quote', '1,2,"3"x,4,5'],
    ['never closes a quote', '1,2,3,4,"5'],
    ['ends otherwise than the row before', '1,2,3,4,5\r'],
    ['is larger than a row may be', `1,2,3,${'x'.repeat(5_000_000)},5`],
  ])('is refused where a row %s', (_, row) => {
    for (const size of [3, 1e9]) expect(() => cut(`${HEADER}\n1,2,3,4,5\n${row}\n`, { size })).toThrow(EngineError)
  })
})
