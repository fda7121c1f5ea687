import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TableFiles, tableFiles } from '../../test/table-files.ts'
import type { ColumnDtype } from '../contract/datasets.ts'
import type { Column, NumberColumn, Table } from '../ml/table.ts'
import { csvBlocks } from './csv-blocks.ts'
import { CellScanner, csvRecords } from './csv-cells.ts'
import type { Reading } from './reading.ts'

const reading = (names: readonly string[], delimiter = ','): Reading => ({
  format: 'csv',
  gzip: false,
  encoding: 'utf-8',
  rewrite: false,
  delimiter,
  columns: names.map((name) => ({ name, source: 'text' })),
})
const blocks = (text: string, dtypes: Readonly<Record<string, ColumnDtype>>, rows = 100, delimiter = ',') => {
  const wanted = Object.entries(dtypes).map(([name, dtype]) => ({ name, dtype }))
  return [...csvBlocks(Buffer.from(text), { reading: reading(Object.keys(dtypes), delimiter), wanted, rows })]
}

describe('blocks of a piece of CSV', () => {
  it('keep what they hold for as long as was asked for', () => {
    const text = Array.from({ length: 12 }, (_, i) => `${i}\n`).join('')
    const wanted = [{ name: 'n', dtype: 'number' as const }]
    const seen: number[][] = []
    let previous: Table | undefined
    for (const { table } of csvBlocks(Buffer.from(text), { reading: reading(['n']), wanted, rows: 3, held: 2 })) {
      for (const one of [previous, table]) seen.push([...((one?.columns.get('n') as NumberColumn)?.values ?? [])])
      previous = table
    }
    const blocks = [[], [0, 1, 2], [3, 4, 5], [6, 7, 8], [9, 10, 11]]
    expect(seen).toEqual([0, 1, 2, 3].flatMap((k) => [blocks[k], blocks[k + 1]]))
  })

  it('hold typed columns, with missing cells marked', () => {
    const [block] = blocks('1.5,x,true\n,"",\n-2, "y, ""z""" ,0\n', { n: 'number', s: 'string', b: 'boolean' })
    expect(block!.table).toEqual({
      rows: 3,
      columns: new Map<string, Column>([
        ['n', { form: 'number', values: Float64Array.of(1.5, Number.NaN, -2) }],
        ['s', { form: 'text', values: ['x', null, 'y, "z"'] }],
        ['b', { form: 'number', values: Float64Array.of(1, Number.NaN, 0) }],
      ]),
    })
  })

  it('have at most so many rows, and say where they lie', () => {
    const text = '1,2\n\n3,4\n5,6'
    const found = blocks(text, { a: 'number', b: 'number' }, 2)
    expect(found.map(({ rows, start, end }) => [rows, text.slice(start, end)])).toEqual([
      [2, '1,2\n\n3,4\n'],
      [1, '5,6'],
    ])
  })

  it.each([
    ['a cell that is no number', '1,2\nx,2\n'],
    ['a fraction where whole numbers belong', '1,2\n1,2.5\n'],
    ['a cell too few', '1,2\n1\n'],
    ['a cell too many', '1,2\n1,2,3\n'],
  ])('without a table where there is %s, and the block behind it is whole', (_, text) => {
    const [first, second] = blocks(`${text}7,8\n`, { a: 'number', b: 'integer' }, 2)
    expect(first!.table).toBeUndefined()
    expect(second!.table?.columns.get('b')).toEqual({ form: 'number', values: Float64Array.of(8) })
  })

  it('let a delimiter behind the last cell pass, and read a month first where the file does', () => {
    const [block] = blocks('1,2,\n3,4,\n', { a: 'number', b: 'number' })
    expect(block!.table?.columns.get('b')).toEqual({ form: 'number', values: Float64Array.of(2, 4) })
    const dated = { ...reading(['d']), columns: [{ name: 'd', source: 'text' as const, slashOrder: 'mdy' as const }] }
    const wanted = [{ name: 'd', dtype: 'datetime' as const }]
    const [dates] = [...csvBlocks(Buffer.from('12/31/2024\n\n'), { reading: dated, wanted, rows: 9 })]
    const values = Float64Array.of(Date.UTC(2024, 11, 31), Number.NaN)
    expect(dates!.table?.columns.get('d')).toEqual({ form: 'number', values })
  })

  it('read a decimal comma where the file writes one, in numbers alone', () => {
    const given = { ...reading(['n', 's'], ';'), decimalComma: true }
    const wanted = [
      { name: 'n', dtype: 'number' as const },
      { name: 's', dtype: 'string' as const },
    ]
    const [block] = [...csvBlocks(Buffer.from('1,5;2,5\n-3;x\n;y\n'), { reading: given, wanted, rows: 9 })]
    expect(block!.table?.columns.get('n')).toEqual({ form: 'number', values: Float64Array.of(1.5, -3, Number.NaN) })
    expect(block!.table?.columns.get('s')).toEqual({ form: 'text', values: ['2,5', 'x', 'y'] })
    const [bad] = [...csvBlocks(Buffer.from('1,234,5;x\n'), { reading: given, wanted, rows: 9 })]
    expect(bad!.table).toBeUndefined()
  })

  it('read a decimal number as the nearest double', () => {
    const digits = fc.stringMatching(/^-?[0-9]{0,17}\.?[0-9]{0,17}$/)
    fc.assert(
      fc.property(digits, (text) => {
        const scanner = new CellScanner(Buffer.from(`${text},`), ',')
        const value = scanner.decimal()
        if (value === undefined) expect(scanner.at).toBe(0)
        else expect(value).toBe(Number(text))
        if (/^-?[0-9]{1,7}(\.[0-9]{1,8})?$/.test(text)) expect(value).toBeDefined()
      }),
      { numRuns: 2000 },
    )
  })

  it('records keep every cell as it stands', () => {
    expect(csvRecords(Buffer.from('a, b ,"c\n""d"" ü" \n\n;,\n"open'), ',', 3)).toEqual([
      ['a', ' b ', 'c\n"d" ü'],
      [';', ''],
      ['open'],
    ])
    expect(csvRecords(Buffer.from('a\n\n"b"'), ',', 1)).toEqual([['a'], [''], ['b']])
  })
})

describe('blocks beside the engine that reads for training', () => {
  let files: TableFiles
  beforeAll(async () => {
    files = await tableFiles()
  })
  afterAll(() => files[Symbol.asyncDispose]())

  const MISSING = ['', ' ', 'NA', '?', 'nan', 'null', 'None', '-']
  const CELLS: Readonly<Record<ColumnDtype, readonly string[]>> = {
    number: ['0', '-0', '1.25', ' 7 ', '.5', '5.', '1e3', '-1.5E-7', '123456789012345678', '0.1234567890123456789'],
    integer: ['0', '12', ' -3', '4.0', '9007199254740991', '1e3'],
    boolean: ['true', 'False', 'yes', 'n', '1', ' 0'],
    datetime: ['2024-01-31', '2024-01-31 10:20', '31.12.2024', '2024-02-29T23:59:59.5Z', ' 1999-1-2 '],
    string: ['x', ' y ', 'Köln', 'a b', '7', 'é'],
    text: ['how are you', 'it is; what it is', 'ça va, oui', '  well '],
  }
  const cellOf = (dtype: ColumnDtype) =>
    fc.tuple(
      fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...CELLS[dtype]) }, fc.constantFrom(...MISSING)),
      fc.boolean(),
    )
  const table = fc
    .array(fc.constantFrom(...(Object.keys(CELLS) as ColumnDtype[])), { minLength: 2, maxLength: 4 })
    .chain((dtypes) =>
      fc.tuple(
        fc.constant(dtypes),
        fc.array(fc.tuple(...dtypes.map(cellOf)), { minLength: 1, maxLength: 7 }),
        fc.constantFrom(',', ';', '\t'),
      ),
    )

  it('see the same values', async () => {
    await fc.assert(
      fc.asyncProperty(table, async ([dtypes, rows, delimiter]) => {
        const names = dtypes.map((_, i) => `c${i}`)
        const lines = rows.map((row) =>
          row.map(([cell, quoted]) => (quoted || /[,;\t]/.test(cell) ? `"${cell}"` : cell)).join(delimiter),
        )
        const body = `${lines.join('\n')}\n`
        const wanted = dtypes.map((dtype, i) => ({ name: names[i]!, dtype }))
        const path = await files.write(`${names.join(delimiter)}\n${body}`)
        const contract = wanted.map((column) => ({ ...column, required: true, nullable: true }))
        const expected = await files.tables.load({ path, reading: reading(names, delimiter) }, contract)
        const options = { reading: reading(names, delimiter), wanted, rows: 3 }
        const found = [...csvBlocks(Buffer.from(body), options)].map((block) => block.table)
        for (const name of names) {
          expect(found.flatMap((block) => valuesOf(block!, name))).toEqual(valuesOf(expected, name))
        }
      }),
      { numRuns: 40 },
    )
  })
})

function valuesOf({ columns }: Table, name: string): readonly unknown[] {
  const column = columns.get(name)!
  if (column.form === 'category') return Array.from(column.codes, (code) => column.dictionary[code] ?? null)
  return [...column.values]
}
