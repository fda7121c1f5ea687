import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TableFiles, tableFiles } from '../../test/table-files.ts'
import type { ContractColumn, DataContract } from '../contract/datasets.ts'

let files: TableFiles
beforeAll(async () => {
  files = await tableFiles()
})
afterAll(() => files[Symbol.asyncDispose]())

const aColumn = (name: string, rest: Partial<ContractColumn> = {}): ContractColumn => {
  return { name, dtype: 'number', required: true, nullable: true, ...rest }
}
const aContract = (...columns: ContractColumn[]): DataContract => ({ columns })
const column = (name: string, values: readonly unknown[]) => `${name},n\n${values.map((v) => `${v},1\n`).join('')}`

describe('the dtype of a column', () => {
  it.each<[string, string, readonly unknown[]]>([
    ['integer', 'whole numbers', [1, -2, 30]],
    ['integer', '0 and 1', [0, 1, 1]],
    ['number', 'numbers with a point', [1, 2.5, 3]],
    ['number', 'whole numbers written with a point', ['1.0', '2.0']],
    ['number', 'numbers and words for missing', [1, 'NA', '', '?', 'None', 2.5]],
    ['number', 'exponents', ['1e400'.slice(0, 3), '2.5e-3']],
    ['boolean', 'true and false', ['true', 'FALSE', '']],
    ['string', 'yes and no', ['yes', 'no', 'yes']],
    ['string', 'codes with leading zeros', ['01234', '99999']],
    ['string', 'phone numbers', ['+49123456', '+4412345']],
    ['string', 'whole numbers beyond 2^53', ['9007199254740993', '1']],
    ['string', 'thousands separators', ['"1,234"', '"5,678"']],
    ['string', 'a mixture', [1, 2, 'three']],
    ['string', 'nothing but missing cells', ['', 'NA']],
    ['datetime', 'ISO dates', ['2024-01-31', '2024-02-01']],
    ['datetime', 'ISO moments', ['2024-01-31T10:20:30Z', '2024-02-01 10:20']],
    ['datetime', 'dotted dates', ['31.12.2024', '1.1.2025']],
    ['datetime', 'slashed dates with a day beyond 12, month first', ['12/31/2024', '1/2/2025']],
    ['datetime', 'slashed dates with a day beyond 12, day first', ['1/2/2025', '31/12/2024']],
    ['string', 'slashed dates that never show the order', ['01/02/2025', '03/04/2025']],
    ['string', 'slashed dates of both orders', ['12/31/2024', '31/12/2024']],
    ['text', 'sentences', ['my card was lost abroad', 'how do I book a flight', 'please cancel my order']],
    [
      'text',
      'sentences of a script without spaces',
      ['我的信用卡在国外丢失了', '如何预订去北京的航班', '请取消我的订单'],
    ],
    ['string', 'long names that repeat', Array.from({ length: 40 }, (_, i) => `City of number ${i % 4}`)],
  ])('is %s for %s', async (dtype, _, values) => {
    const { columns } = await files.inspect(column('c', values))
    expect(columns[0]!.dtype).toBe(dtype)
  })

  it('is decided by the whole file, not by its first rows', async () => {
    const text = `a,b,c,d\n${'1,1,,01/02/2024\n'.repeat(30_000)}`
    const { columns } = await files.inspect(`${text}x,2.5,2024-01-31,31/01/2024\n`)
    expect(columns.map(({ dtype }) => dtype)).toEqual(['string', 'number', 'datetime', 'datetime'])
  })

  it('is never text for the target', async () => {
    const text = 't\nlost card while abroad\nhow to book\nplease cancel my order now\n'
    expect((await files.inspect(text, { target: 't' })).columns[0]!.dtype).toBe('string')
  })

  it('is kept for slashed dates in later reads', async () => {
    expect(await files.read('d\n31/12/2024\n01/02/2025\n')).toEqual([
      { d: '2024-12-31T00:00:00.000Z' },
      { d: '2025-02-01T00:00:00.000Z' },
    ])
  })
})

describe('a profile', () => {
  it('counts missing cells, distinct values, range, mean and the most frequent values', async () => {
    const { columns, rows } = await files.inspect(
      'n,s,b,d\n1,x,true,2024-01-01\n2.5,x,false,2024-01-03\n,y,,\n1,NA,true,2024-01-02\n',
    )
    expect(rows).toBe(4)
    expect(columns).toEqual([
      { name: 'n', dtype: 'number', nulls: 1, distinct: 2, min: 1, max: 2.5, mean: 1.5, top: [{ value: '1', count: 2 }, { value: '2.5', count: 1 }] },
      { name: 's', dtype: 'string', nulls: 1, distinct: 2, min: null, max: null, mean: null, top: [{ value: 'x', count: 2 }, { value: 'y', count: 1 }] },
      { name: 'b', dtype: 'boolean', nulls: 1, distinct: 2, min: null, max: null, mean: 2 / 3, top: [{ value: 'true', count: 2 }, { value: 'false', count: 1 }] },
      {
        name: 'd', dtype: 'datetime', nulls: 1, distinct: 3, min: '2024-01-01T00:00:00.000Z', max: '2024-01-03T00:00:00.000Z', mean: null,
        top: [3, 2, 1].map((day) => ({ value: `2024-01-0${day}T00:00:00.000Z`, count: 1 })),
      },
    ]) // biome-ignore format: one column a line
  })

  it('is exact up to 100,000 distinct values, and above keeps the counts of frequent ones exact', async () => {
    const rows = Array.from({ length: 200_000 }, (_, i) => `${i % 3 === 0 ? 0 : i},${i % 90_000}\n`)
    const { columns } = await files.inspect(`many,few\n${rows.join('')}`)
    expect(columns[0]!.top).toEqual([{ value: '0', count: 66_667 }])
    expect(Math.abs(columns[0]!.distinct - 133_334)).toBeLessThan(133_334 * 0.2)
    expect(columns[1]!.distinct).toBe(90_000)
  })

  it('shows short values whole, also where they hold the character that marks shortened ones', async () => {
    const { columns } = await files.inspect('t\nx\u0001b\nx\u0001a\n')
    expect(columns[0]!.top.map(({ value }) => value)).toEqual(['x\u0001b', 'x\u0001a'])
  })

  it('shortens long values and still tells them apart', async () => {
    const long = (end: string) => `${'word '.repeat(60)}${end}`
    const { columns } = await files.inspect(`t\n${long('a')}\n${long('b')}\n`)
    expect(columns[0]!.distinct).toBe(2)
    expect(columns[0]!.top.map(({ value }) => value)).toEqual(Array(2).fill('word '.repeat(20)))
  })
})

describe('an inferred contract', () => {
  it('asks for every column, allows missing cells where there are some, and sets no limits', async () => {
    const { contract, report } = await files.inspect('a,b,y\n1,x,0\n,y,1\n', { target: 'y' })
    expect(contract).toEqual({
      columns: [
        { name: 'a', dtype: 'integer', required: true, nullable: true },
        { name: 'b', dtype: 'string', required: true, nullable: false },
        { name: 'y', dtype: 'integer', required: true, nullable: false },
      ],
      target: 'y',
    })
    expect(report).toEqual({ valid: true, findings: [], counts: [] })
  })

  it('is broken by a missing target, and by a target that is no column', async () => {
    const missing = await files.inspect('a,y\n1,0\n2,\n3,1\n', { target: 'y' })
    expect(missing.report.findings).toEqual([{ row: 2, column: 'y', rule: 'nullable', value: null }])
    const absent = await files.inspect('a,y\n1,0\n', { target: 'z' })
    expect(absent.report.findings).toEqual([{ row: null, column: 'z', rule: 'target', value: null }])
  })

  it('keeps a column with infinities a number and names the cells', async () => {
    const { columns, report } = await files.inspect('a\n1.5\ninf\n-Infinity\n1e999\n')
    expect(columns[0]!.dtype).toBe('number')
    expect(report.counts).toEqual([{ column: 'a', rule: 'dtype', count: 3 }])
    expect(report.findings[1]).toEqual({ row: 3, column: 'a', rule: 'dtype', value: '-Infinity' })
  })

  it.each(['inf', 'INF', '-Infinity'])('does the same among whole numbers and NaN, for %s', async (infinity) => {
    const { columns, report } = await files.inspect(`a\n1\n${infinity}\nNaN\n4\n`)
    expect(columns[0]!.dtype).not.toBe('string')
    expect(report.findings).toEqual([{ row: 2, column: 'a', rule: 'dtype', value: infinity }])
  })
})

describe('a given contract', () => {
  const text = 'n,s,id\n1,a,1\nx,b,2\n50,c,1\n,a,3\n-7,,1\n'
  const contract = aContract(
    aColumn('n', { nullable: false, min: 0, max: 10 }),
    aColumn('s', { dtype: 'string', nullable: false, categories: ['a', 'b'] }),
    aColumn('id', { dtype: 'integer', unique: true }),
  )
  const expected = {
    valid: false,
    findings: [
      { row: 2, column: 'n', rule: 'dtype', value: 'x' },
      { row: 3, column: 'n', rule: 'max', value: '50' },
      { row: 3, column: 's', rule: 'categories', value: 'c' },
      { row: 3, column: 'id', rule: 'unique', value: '1' },
      { row: 4, column: 'n', rule: 'nullable', value: null },
      { row: 5, column: 'n', rule: 'min', value: '-7' },
      { row: 5, column: 's', rule: 'nullable', value: null },
      { row: 5, column: 'id', rule: 'unique', value: '1' },
    ],
  }

  it('gives every finding with row, column, rule and value, and the count of each', async () => {
    const { report } = await files.inspect(text, { contract })
    expect(report).toMatchObject(expected)
    expect(report.counts).toContainEqual({ column: 'id', rule: 'unique', count: 2 })
    expect(report.counts).toHaveLength(7)
  })

  it('finds the same in a file inspected before', async () => {
    const path = await files.write(text)
    const { reading } = await files.tables.inspect(path)
    expect(await files.tables.validate({ path, reading }, contract)).toMatchObject(expected)
  })

  it('names required columns that are missing and columns it does not know', async () => {
    const { report, columns } = await files.inspect('a,b\n1,2\n', {
      contract: aContract(aColumn('a'), aColumn('c'), aColumn('d', { required: false })),
    })
    expect(report.findings).toEqual([
      { row: null, column: 'c', rule: 'required', value: null },
      { row: null, column: 'b', rule: 'unknown_column', value: null },
    ])
    expect(columns.map(({ name }) => name)).toEqual(['a', 'b'])
  })

  it('shows the first hundred findings of many, in file order, and counts all', async () => {
    const rows = Array.from({ length: 200_000 }, (_, i) => `${i},${i % 2 === 0 ? 'bad' : 1}\n`)
    const { report } = await files.inspect(`i,v\n${rows.join('')}`, {
      contract: aContract(aColumn('i'), aColumn('v', { dtype: 'integer' })),
    })
    expect(report.counts).toEqual([{ column: 'v', rule: 'dtype', count: 100_000 }])
    expect(report.findings.map(({ row }) => row)).toEqual(Array.from({ length: 100 }, (_, i) => 2 * i + 1))
  })

  it('can demand a binary target: categories of numbers are compared as numbers', async () => {
    const binary = {
      ...aContract(aColumn('y', { dtype: 'integer', nullable: false, categories: ['0', '1'] })),
      target: 'y',
    }
    expect((await files.inspect('y\n0\n1\n1.0\n', { contract: binary })).report.valid).toBe(true)
    const { findings } = (await files.inspect('y\n0\n2\n', { contract: binary })).report
    expect(findings).toEqual([{ row: 2, column: 'y', rule: 'categories', value: '2' }])
  })

  it('can make "NA" a value, leading zeros a number, yes and no booleans, and slashed dates moments', async () => {
    const given = aContract(
      aColumn('c', { dtype: 'string', nullable: false, categories: ['NA', 'DE'] }),
      aColumn('z'),
      aColumn('b', { dtype: 'boolean' }),
      aColumn('d', { dtype: 'datetime' }),
    )
    expect(await files.read('c,z,b,d\nNA,007,yes,12/31/2024\nDE,1,no,1/1/2025\n', { contract: given })).toEqual([
      { c: 'NA', z: 7, b: true, d: '2024-12-31T00:00:00.000Z' },
      { c: 'DE', z: 1, b: false, d: '2025-01-01T00:00:00.000Z' },
    ])
  })

  it('takes JSON strings for numbers and numbers for strings', async () => {
    const given = aContract(aColumn('n'), aColumn('s', { dtype: 'string' }))
    expect(await files.read('{"n":"42","s":7}\n{"n":1,"s":"x"}\n', { contract: given })).toEqual([
      { n: 42, s: '7' },
      { n: 1, s: 'x' },
    ])
  })

  it('holds a column called like SQL to its rules', async () => {
    const name = 'x"; DROP TABLE t; --'
    const given = aContract(aColumn(name, { dtype: 'string', categories: ["it's", '"'] }))
    const { report } = await files.inspect(`{${JSON.stringify(name)}:"it's"}\n{${JSON.stringify(name)}:"no"}\n`, {
      contract: given,
    })
    expect(report.findings).toEqual([{ row: 2, column: name, rule: 'categories', value: 'no' }])
  })
})
