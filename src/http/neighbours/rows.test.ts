import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseCsv } from './csv.ts'
import { rowsOfCsv, rowsOfDocument } from './rows.ts'

describe('CSV', () => {
  it('gives back the cells that were quoted into it, whatever they hold', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é') })
    fc.assert(
      fc.property(fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1 }), (lines) => {
        const text = lines.map((cells) => cells.map((one) => `"${one.replaceAll('"', '""')}"`).join(',')).join('\r\n')
        expect(parseCsv(text)).toEqual(lines)
      }),
    )
  })

  it.each([
    [
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a,b\r\n,2',
      [
        ['a', 'b'],
        [null, '2'],
      ],
    ],
    [
      'a,b\n1,',
      [
        ['a', 'b'],
        ['1', null],
      ],
    ],
    ['a\n\n1\n', [['a'], ['1']]],
    ['', []],
  ])('%j is read as it stands', (text, lines) => expect(parseCsv(text)).toEqual(lines))

  it.each(['"a', 'a,"b"c'])('%j is refused', (text) => {
    expect(() => parseCsv(text)).toThrow(expect.objectContaining({ code: 'CSV_MALFORMED' }))
  })

  it('has names in its first line unless it is said to have none', () => {
    expect(rowsOfCsv('a,b\n1,2', 'present').rows).toEqual([{ a: '1', b: '2' }])
    expect(rowsOfCsv('1,2', 'absent').rows).toEqual([['1', '2']])
    expect(() => rowsOfCsv('a,b\n1', 'present')).toThrow('line 2 has 1 values for 2 columns')
  })
})

describe('a scoring document', () => {
  it.each([null, 1, 'x'])('whose first column is no list but %j is refused in words', (value) => {
    expect(() => rowsOfDocument({ inputs: { a: value, b: [1, 2] } })).toThrow('"inputs.a" must be a list of 2 values')
  })

  const rows = [
    { a: 1, b: 'x' },
    { a: 2, b: 'y' },
  ]
  it.each([
    [
      {
        dataframe_split: {
          columns: ['a', 'b'],
          data: [
            [1, 'x'],
            [2, 'y'],
          ],
        },
      },
    ],
    [{ dataframe_records: rows }],
    [{ instances: rows }],
    [{ inputs: rows }],
    [{ inputs: { a: [1, 2], b: [['x'], ['y']] } }],
  ])('%j means the same rows', (document) => {
    expect(rowsOfDocument(document).rows).toEqual(rows)
  })

  it('of bare values has rows of one column', () => {
    expect(rowsOfDocument({ instances: [1, 2] }).rows).toEqual([[1], [2]])
  })

  it.each([{}, [], null, { instances: [], inputs: [] }, { inputs: { a: [1], b: [1, 2] } }, { instances: 7 }])(
    '%j is refused',
    (document) => {
      expect(() => rowsOfDocument(document)).toThrow(expect.objectContaining({ code: 'SCORING_REQUEST_MALFORMED' }))
    },
  )
})
