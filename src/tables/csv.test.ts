import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TableFiles, tableFiles } from '../../test/table-files.ts'

let files: TableFiles
beforeAll(async () => {
  files = await tableFiles()
})
afterAll(() => files[Symbol.asyncDispose]())

const AB = [
  { a: 1, b: 'x' },
  { a: 2, b: 'y' },
]

describe('a CSV file is read', () => {
  it.each([
    ['commas', 'a,b\n1,x\n2,y\n'],
    ['semicolons', 'a;b\n1;x\n2;y\n'],
    ['tabs', 'a\tb\n1\tx\n2\ty\n'],
    ['bars', 'a|b\n1|x\n2|y\n'],
    ['no line end at the end', 'a,b\n1,x\n2,y'],
    ['CRLF line ends', 'a,b\r\n1,x\r\n2,y\r\n'],
    ['CR line ends', 'a,b\r1,x\r2,y\r'],
    ['mixed line ends', 'a,b\n1,x\r\n2,y\r'],
    ['a byte-order mark', '\ufeffa,b\n1,x\n2,y\n'],
    ['a byte-order mark before a quoted name', '\ufeff"a",b\n1,x\n2,y\n'],
    ['blank lines', 'a,b\n\n1,x\n\n2,y\n\n'],
    ['spaces around names and values', ' a ,b\n 1 ,x \n2, y\n'],
    ['everything quoted', '"a","b"\n"1","x"\n"2","y"\n'],
    ['spaces around quotes', 'a,b\n1, "x"\n2,"y" \n'],
    ['a delimiter at the end of a row', 'a,b\n1,x,\n2,y\n'],
  ])('with %s', async (_, text) => {
    expect(await files.read(text)).toEqual(AB)
  })

  it('with delimiters, line ends and doubled quotes inside quotes', async () => {
    const text = 'a,b\n1,"x, ""y""\nz"\n2,"\r\n w"\n'
    expect(await files.read(text)).toEqual([
      { a: 1, b: 'x, "y"\nz' },
      { a: 2, b: 'w' },
    ])
  })

  it('with mixed line ends that appear far into a large file', async () => {
    const rows = Array.from({ length: 200_000 }, (_, i) => `${i},v${i % 7}${i > 150_000 ? '\r\n' : '\n'}`)
    const { rows: count, columns } = await files.inspect(`a,b\n${rows.join('')}`)
    expect(count).toBe(200_000)
    expect(columns.map(({ distinct }) => distinct)[1]).toBe(7)
  })

  it('with one column, and with one row', async () => {
    expect(await files.read('a\n1\n2\n')).toEqual([{ a: 1 }, { a: 2 }])
    expect(await files.read('a,b\n1,x\n')).toEqual([{ a: 1, b: 'x' }])
  })

  it('with a comma as decimal sign where the delimiter is another', async () => {
    const { contract } = await files.inspect('a;b;c;d\n1,5;x;,25;1,234\n-2;y, z; 3,5e2 ;NA\n')
    expect(contract.columns.map(({ dtype }) => dtype)).toEqual(['number', 'string', 'number', 'number'])
    expect(await files.read('a;b;c;d\n1,5;x;,25;1,234\n-2;y, z; 3,5e2 ;NA\n')).toEqual([
      { a: 1.5, b: 'x', c: 0.25, d: 1.234 },
      { a: -2, b: 'y, z', c: 350, d: null },
    ])
    expect(await files.read('a\tb\n1.5\t1,5\n2.5\t0\n')).toEqual([
      { a: 1.5, b: 1.5 },
      { a: 2.5, b: 0 },
    ])
  })

  it.each([
    ['may be one of thousands', 'a;b\n1,234;x\n12,345;y\n', ['1,234', '12,345']],
    ['stands twice in a number', 'a;b\n1,234,567;0,5\n2,5;0,5\n', ['1,234,567', '2,5']],
    ['stands in a number with a point', 'a;b\n1.234,5;0,5\n2,5;0,5\n', ['1.234,5', '2,5']],
    ['separates the cells elsewhere', 'a,b\n"1,5",x\n"2,5",y\n', ['1,5', '2,5']],
  ])('with a comma in numbers that %s: as text, never as another number', async (_, text, expected) => {
    expect((await files.read(text)).map((row) => (row as { a: unknown }).a)).toEqual(expected)
  })

  it('with names in any script and with characters that mean something to a database', async () => {
    const names = ['größe', '名前', 'a"; DROP TABLE t; --', "it's", 'constructor', 'c0', 'x1 ']
    const header = names.map((name) => `"${name.replaceAll('"', '""')}"`).join(',')
    const { contract, reading } = await files.inspect(`${header}\n1,2,3,4,5,6,7\n`)
    expect(contract.columns.map(({ name }) => name)).toEqual(names.map((name) => name.trim()))
    const path = await files.write(`${header}\n1,2,3,4,5,6,7\n`)
    const [row] = await files.tables.rows({ path, reading }, contract, { offset: 0, limit: 1 })
    expect(Object.values(row!)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(Object.keys(row!)).toContain('constructor')
  })

  it('with a cell of a megabyte', async () => {
    const long = 'word '.repeat(200_000).trim()
    expect(await files.read(`a,b\n1,${long}\n2,y\n`)).toEqual([
      { a: 1, b: long },
      { a: 2, b: 'y' },
    ])
  })

  it('from a path with characters that a pattern would expand', async () => {
    const path = await files.write('a,b\n1,x\n', "up[1]*'load?.csv")
    expect((await files.tables.inspect(path)).rows).toBe(1)
  })
})

describe('a CSV file is refused', () => {
  it.each([
    ['is empty', '', { rule: 'empty' }],
    ['holds only blank lines', '\n \n', { rule: 'empty' }],
    ['holds only a header', 'a,b\n', { rule: 'empty' }],
    ['has a row that is too short', 'a,b,c\n1,2,3\n4,5\n', { rule: 'field_count', row: 2, value: '4 | 5' }],
    ['has a row that is too long', 'a,b\n1,2\n3,4,5\n', { rule: 'field_count', row: 2, value: '3 | 4 | 5' }],
    ['has a column that no body may carry', 'a,__proto__\n1,2\n', { rule: 'header', column: '__proto__' }],
    ['begins with a hint for Excel', 'sep=;\na;b\n1;2\n', { rule: 'header', column: '' }],
    ['has two columns of one name', 'a,b,a\n1,2,3\n', { rule: 'header', column: 'a' }],
    ['has two columns of one name once trimmed', 'a,b, a\n1,2,3\n', { rule: 'header', column: 'a' }],
    ['has a column without a name', 'a,,c\n1,2,3\n', { rule: 'header' }],
    ['has no header but numbers', '5.1,3.5,setosa\n4.9,3.0,setosa\n', { rule: 'header', column: '5.1' }],
    ['has no header but whole numbers', '6,148,72\n1,85,66\n', { rule: 'header', column: '72' }],
    ['never closes a quote', 'a,b\n1,2\n3,"4\n5,6\n', { rule: 'quotes', row: 2, column: 'b' }],
    ['has text after a quote', 'a,b\n1,2\n"x"y,2\n', { rule: 'quotes', row: 2, column: 'a' }],
    ['is binary', 'a,b\n1,\0\0\n', { rule: 'format' }],
    ['is a workbook', 'PK\u0003\u0004 workbook', { rule: 'format' }],
  ])('that %s', async (_, text, expected) => {
    expect(await files.refusal(text)).toMatchObject({ code: 'DATASET_INVALID', ...expected })
  })

  it('that is not UTF-8, naming row, column and byte', async () => {
    const text = Buffer.from('a,b\n1,ok\n"x\ny",ok\n3,M\u00fcller\n', 'latin1')
    const refusal = await files.refusal(text)
    expect(refusal).toMatchObject({ rule: 'encoding', row: 3, column: 'b' })
    expect(refusal.message).toContain('byte 2 of the cell is 0xfc')
  })

  it('that is not UTF-8 at the end of a long cell', async () => {
    const text = Buffer.concat([Buffer.from(`a,b\n1,${'\u00fc'.repeat(1_000_000)}`), Buffer.from([0xfc, 0x0a])])
    const refusal = await files.refusal(text)
    expect(refusal).toMatchObject({ rule: 'encoding', row: 1, column: 'b' })
    expect(refusal.message).toContain('byte 2000001 of the cell is 0xfc')
  })

  it('whose header is not UTF-8', async () => {
    const refusal = await files.refusal(Buffer.from('gr\u00f6\u00dfe,b\n1,2\n', 'latin1'))
    expect(refusal).toMatchObject({ rule: 'encoding', row: 0 })
  })

  it('that has 10,000 columns, before a row is read', async () => {
    const header = Array.from({ length: 10_000 }, (_, i) => `column_${i}`).join(',')
    const refusal = await files.refusal(`${header}\n`)
    expect(refusal.rule).toBe('limit')
    expect(refusal.message).toContain('10000 columns; at most 4096')
  })

  it('that has a row longer than the limit', async () => {
    const refusal = await files.refusal(`a,b\n1,2\n3,${'x'.repeat(9_000_000)}\n4,5\n`)
    expect(refusal).toMatchObject({ rule: 'limit', row: 2 })
  })

  it('and leaves nothing behind', async () => {
    await files.refusal('a,b\n1\n')
    expect(await files.leftovers()).toEqual([])
  })

  it('but years and running numbers are names like any other', async () => {
    expect(await files.read('country,2019,2020\nA,1,2\n')).toEqual([{ country: 'A', 2019: 1, 2020: 2 }])
  })
})
