import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { tableFiles } from '../../test/table-files.ts'
import { COLUMN_DTYPES, type ColumnDtype } from '../contract/datasets.ts'
import { BadCell, type Cell, type CellColumn, parseCell, parseMoment, parseText } from './cell.ts'
import { openEngine } from './engine.ts'
import type { Reading } from './reading.ts'
import { DEFAULT_LIMITS } from './reading.ts'
import { sourceFile, sourceFolder } from './source.ts'
import { typedRelation, wrongExpression } from './sql.ts'

const moment = Date.UTC(2024, 0, 31)

describe('one cell', () => {
  it('that is a long run of digits and then none is looked at once', () => {
    const text = `${'1'.repeat(1_000_000)}x`
    expect(parseText({ dtype: 'number' }, text)).toEqual(new BadCell('must be a number'))
  })

  it.each<[ColumnDtype, unknown, Cell]>([
    ['number', '42', 42],
    ['number', ' -1.5e3 ', -1500],
    ['number', '.5', 0.5],
    ['number', '+5', 5],
    ['number', '007', 7],
    ['number', 2.5, 2.5],
    ['number', Number.NaN, null],
    ['number', 'NaN', null],
    ['number', 'None', null],
    ['number', '-', null],
    ['integer', '7', 7],
    ['integer', '7.0', 7],
    ['integer', 7, 7],
    ['boolean', true, 1],
    ['boolean', 'FALSE', 0],
    ['boolean', 'yes', 1],
    ['boolean', 0, 0],
    ['datetime', '2024-01-31', moment],
    ['datetime', '2024/1/31', moment],
    ['datetime', '31.1.2024', moment],
    ['datetime', '2024-01-31T10:20:30.123+02:00', moment + 8 * 3_600_000 + 20 * 60_000 + 30_123],
    ['datetime', '2024-01-31 00:00Z', moment],
    ['string', ' x ', 'x'],
    ['string', 7, '7'],
    ['string', true, 'true'],
    ['string', 'None', 'None'],
    ['string', 'NA', null],
    ['text', 'N/A', null],
    ['text', 'not NA', 'not NA'],
  ])('%s: %j is read as %j', (dtype, value, expected) => {
    expect(parseCell({ dtype }, value)).toBe(expected)
  })

  it.each<[ColumnDtype, unknown, string]>([
    ['number', 'abc', 'must be a number'],
    ['number', '1,234', 'must be a number'],
    ['number', '3,14', 'must be a number'],
    ['number', '1_000', 'must be a number'],
    ['number', '0x1F', 'must be a number'],
    ['number', true, 'must be a number'],
    ['number', 'inf', 'must be finite'],
    ['number', '1e999', 'must be finite'],
    ['number', Number.POSITIVE_INFINITY, 'must be finite'],
    ['integer', '1.5', 'must be a whole number'],
    ['integer', '9007199254740993', 'is beyond 2^53 and cannot be held exactly'],
    ['boolean', 'maybe', 'must be true or false'],
    ['boolean', 2, 'must be true or false'],
    ['datetime', '2024-02-30', 'must be a date such as 2024-01-31 or 2024-01-31T10:20:30Z'],
    ['datetime', '12/31/2024', 'does not say which number is the month: write the year first, such as 2024-01-31'],
    ['datetime', 1706659200000, 'must be a date such as 2024-01-31 or 2024-01-31T10:20:30Z'],
    ['string', { a: 1 }, 'must be a single value'],
    ['number', [1], 'must be a single value'],
  ])('%s: %j is refused', (dtype, value, message) => {
    expect(parseCell({ dtype }, value)).toEqual(new BadCell(message))
  })

  it.each(COLUMN_DTYPES)('%s: null, an absent value, an empty one and "?" are missing', (dtype) => {
    for (const value of [null, undefined, '', '  ', '?', 'null', 'N/A']) expect(parseCell({ dtype }, value)).toBeNull()
  })

  it('a word for missing is a value where the categories list it', () => {
    expect(parseCell({ dtype: 'string', categories: ['DE', 'NA'] }, 'NA')).toBe('NA')
    expect(parseCell({ dtype: 'string', categories: ['DE', 'NA'] }, '?')).toBeNull()
  })

  it('a slashed date is read where the order is known', () => {
    expect(parseMoment('1/31/2024', 'mdy')).toBe(moment)
    expect(parseMoment('31/01/2024 01:00', 'dmy')).toBe(moment + 3_600_000)
    expect(parseMoment('31/01/2024', 'mdy')).toBeUndefined()
  })
})

const fragments = '0 1 7 12 31 99 2024 1999 24 60 . , - + / : T Z e E _ inf nan NaN NA ? true no yes None x ä'.split(
  ' ',
)
const arbitraryCell = fc.oneof(
  fc.array(fc.constantFrom(...fragments, ' ', '\t'), { maxLength: 8 }).map((parts) => parts.join('')),
  fc.double().map(String),
  fc.integer().map(String),
  fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n }).map(String),
  fc
    .date({ min: new Date('1000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
    .map((d) => d.toISOString()),
  fc
    .tuple(fc.integer({ min: 1000, max: 9999 }), fc.integer({ min: 0, max: 13 }), fc.integer({ min: 0, max: 32 }))
    .chain(([y, m, d]) =>
      fc.constantFrom(`${y}-${m}-${d}`, `${y}/${m}/${d}`, `${d}.${m}.${y}`, `${y}-0${m}-0${d} 1:02`),
    ),
  fc
    .tuple(
      fc.integer({ min: 0, max: 25 }),
      fc.integer({ min: 0, max: 61 }),
      fc.constantFrom('Z', ' Z', '', '+02:00', '-14:30', '+15:00', '+02'),
    )
    .map(([h, m, zone]) => `2024-01-31T${h}:${String(m).padStart(2, '0')}:05.${m}${zone}`),
)

describe('a file and a request', () => {
  it.each(COLUMN_DTYPES)('give the same %s for the same text', async (dtype) => {
    await fc.assert(
      fc.asyncProperty(fc.array(arbitraryCell, { minLength: 200, maxLength: 400 }), async (cells) => {
        const expected = cells.map((text) => outcome({ dtype }, text))
        const found = await readCells(cells, { dtype })
        expect(found.map((cell, i) => [cells[i], cell])).toEqual(expected.map((cell, i) => [cells[i], cell]))
      }),
      { numRuns: 12 },
    )
  })

  it('agree where categories list a word for missing', async () => {
    const column: CellColumn = { dtype: 'string', categories: ['NA', 'DE'] }
    const cells = ['NA', 'DE', '?', '', ' NA ']
    expect(await readCells(cells, column)).toEqual(cells.map((text) => outcome(column, text)))
  })
})

function outcome(column: CellColumn, text: string): Cell | 'wrong' {
  const cell = parseText(column, text)
  if (cell instanceof BadCell) return 'wrong'
  return cell === 0 ? 0 : cell // -0 and 0 are one number
}

/** The cells as DuckDB reads them from a CSV file. */
async function readCells(cells: readonly string[], { dtype, categories }: CellColumn): Promise<(Cell | 'wrong')[]> {
  await using files = await tableFiles()
  const path = await files.write(`n,cell\n${cells.map((text, i) => `${i},"${text.replaceAll('"', '""')}"\n`).join('')}`)
  const columns = [
    { name: 'n', source: 'text' as const },
    { name: 'cell', source: 'text' as const },
  ]
  const reading: Reading = { format: 'csv', gzip: false, encoding: 'utf-8', rewrite: false, delimiter: ',', columns }
  await using folder = await sourceFolder(files.folder)
  const file = await sourceFile(path, reading, { folder, limits: DEFAULT_LIMITS })
  await using engine = await openEngine({ folder: folder.path, file: file.realPath, memoryLimitMb: 128, threads: 1 })
  const column = { index: 1, source: 'text' as const, dtype, categories }
  const relation = typedRelation(file, reading, { columns: [column], rowNumbers: 'none' })
  const rows = await engine.rows(`SELECT x1, ${wrongExpression(column)} FROM ${relation}`)
  return rows.map(([value, isWrong]) => {
    if (isWrong) return 'wrong'
    if (typeof value === 'boolean') return value ? 1 : 0
    return value === 0 ? 0 : (value as Cell)
  })
}
