// Files wider than one statement reads: they go through strips (strips.ts), and nobody may be able to tell.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TableFiles, tableFiles } from '../../test/table-files.ts'
import type { ContractColumn, DataContract } from '../contract/datasets.ts'
import type { StoredTable } from './index.ts'

let files: TableFiles
let plain: Awaited<ReturnType<typeof stored>>
beforeAll(async () => {
  files = await tableFiles()
  plain = await stored(table(all))
})
afterAll(() => files[Symbol.asyncDispose]())

const WIDTH = 270
const ROWS = 300
const KINDS: readonly ((i: number, k: number) => string)[] = [
  (i, k) => String((i * (k + 1)) % 97),
  (i, k) => ((i * 7 + k) / 8).toFixed(3),
  (i, k) => (i % 11 === 3 ? '' : `"city ""${(i + k) % 9}"", north"`),
  (i) => (i % 2 === 0 ? 'true' : 'FALSE'),
  (i, k) => new Date(Date.UTC(2024, 0, 1 + ((i + k) % 300))).toISOString().slice(0, 19),
  (i, k) => (i === 250 ? 'late' : String(k)),
  (i, k) => (i < 280 ? '' : `word ${k % 3}`),
  (i, k) => (i % 5 === 0 ? 'NA' : `0${k}`),
  (i, k) => `${1 + ((i + k) % 12)}/${13 + (i % 15)}/2024`,
  (i) => (i === 4 ? 'inf' : `${i}.5`),
]
const cell = (i: number, k: number) => KINDS[k % KINDS.length]!(i, k)
const all = Array.from({ length: WIDTH }, (_, k) => k)
const rows = Array.from({ length: ROWS }, (_, i) => i)

function table(columns: readonly number[], { end = '\n' } = {}): string {
  const lines = rows.map((i) => columns.map((k) => cell(i, k)).join(','))
  return [columns.map((k) => `c${k}`).join(','), ...lines].map((line) => line + end).join('')
}

/** Columns that hold a cell which is not of their dtype. */
const isSpoilt = (name: string) => name.endsWith('9')

async function stored(text: string) {
  const path = await files.write(text)
  const inspection = await files.tables.inspect(path)
  return { table: { path, reading: inspection.reading }, contract: inspection.contract, inspection }
}

let parts: Awaited<ReturnType<typeof stored>>[] | undefined
/** The same columns in files that are not wide; inspected once. */
async function narrow() {
  if (parts) return parts
  parts = []
  for (let k = 0; k < WIDTH; k += 50) parts.push(await stored(table(all.slice(k, k + 50))))
  return parts
}

/** Of columns that nobody has to find out. */
function asText(count: number): StoredTable['reading'] {
  const columns = Array.from({ length: count }, (_, k) => ({ name: `c${k}`, source: 'text' as const }))
  return { format: 'csv', gzip: false, encoding: 'utf-8', rewrite: false, delimiter: ',', columns }
}

describe('a wide file', () => {
  it('has the profile, contract and findings that its columns have in narrow files', async () => {
    const wide = await files.inspect(table(all))
    const parts = (await narrow()).map(({ inspection }) => inspection)
    expect(wide.rows).toBe(ROWS)
    expect(wide.columns).toEqual(parts.flatMap(({ columns }) => columns))
    expect(wide.contract.columns).toEqual(parts.flatMap(({ contract }) => contract.columns))
    expect(wide.reading.columns).toEqual(parts.flatMap(({ reading }) => reading.columns))
    expect(wide.report.counts).toEqual(parts.flatMap(({ report }) => report.counts))
    expect(new Set(wide.report.findings.map(({ row, rule, value }) => `${row} ${rule} ${value}`))).toEqual(
      new Set(['5 dtype inf']),
    )
    expect(await files.leftovers()).toEqual([])
  })

  it.each<[string, string | Buffer]>([
    ['compressed', gzipSync(table(all))],
    ['with CRLF', table(all, { end: '\r\n' })],
    ['with line ends of both kinds', table(all).replace('\n', '\r\n')],
    ['in UTF-16', Buffer.from(`\ufeff${table(all)}`, 'utf16le')],
    ['with a byte-order mark', `\ufeff${table(all)}`],
  ])('is the same %s', async (_, content) => {
    const path = await files.write(content)
    const { reading, contract } = await files.tables.inspect(path)
    expect(contract).toEqual(plain.contract)
    const page = { offset: 255, limit: 20 }
    expect(await files.tables.rows({ path, reading }, contract, page)).toEqual(
      await files.tables.rows(plain.table, plain.contract, page),
    )
  })

  it('is held to a given contract, in the order of the rows', async () => {
    const contract: DataContract = {
      columns: all.map((k) => {
        const base = { name: `c${k}`, dtype: 'string' as const, required: true, nullable: true }
        if (k === 0 || k === 260) return { ...base, dtype: 'number', max: k === 0 ? 95 : 40 }
        return k === 69 ? { ...base, unique: true } : base
      }),
    }
    const counts = { c0: 0, c260: 0 }
    for (const i of rows) {
      if (Number(cell(i, 0)) > 95) counts.c0++
      if (Number(cell(i, 260)) > 40) counts.c260++
    }
    const { path } = plain.table
    const { reading, report } = await files.tables.inspect(path, { contract })
    expect(report.counts).toEqual([
      { column: 'c0', rule: 'max', count: counts.c0 },
      { column: 'c260', rule: 'max', count: counts.c260 },
    ])
    const places = report.findings.map(({ row }) => row!)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(await files.tables.validate({ path, reading }, contract)).toEqual(report)
  })

  it('is held to many columns that are to be unique as narrow files are', async () => {
    const unique = ({ columns }: DataContract): DataContract => ({
      columns: columns.map((column) => ({ ...column, unique: true })),
    })
    const { table: file, contract } = await stored(table(all.slice(0, 100)))
    const wide = await files.tables.validate(file, unique(contract))
    const parts = []
    for (const part of (await narrow()).slice(0, 2)) {
      parts.push(await files.tables.validate(part.table, unique(part.contract)))
    }
    const repeated = ({ counts }: { counts: typeof wide.counts }) => counts.filter(({ rule }) => rule === 'unique')
    expect(repeated(wide).length).toBeGreaterThan(60)
    expect(repeated(wide)).toEqual(parts.flatMap(repeated))
    // Within a row the cells of the wrong dtype come first, of all columns.
    const rank = ({ row, rule }: (typeof wide.findings)[number]) => 2 * row! + Number(rule === 'unique')
    const places = parts.flatMap(({ findings }) => findings).sort((a, b) => rank(a) - rank(b))
    expect(wide.findings).toEqual(places.slice(0, 100))
  })

  it('is read in pages, in batches and as columns', async () => {
    const { table: file, contract } = plain
    const names = contract.columns.map(({ name }) => name)
    const page = await files.tables.rows(file, contract, { offset: 298, limit: 10 })
    expect(page).toHaveLength(2)
    expect(Object.keys(page[0]!)).toEqual(names)
    expect(page[0]).toMatchObject({ c0: 298 % 97, c262: `city "${(298 + 262) % 9}", north`, c263: true, c269: 298.5 })
    expect(await files.tables.rows(file, contract, { offset: 300, limit: 10 })).toEqual([])
    const read = []
    for await (const batch of files.tables.batches(file, contract, { size: 70, offset: 3 })) read.push(...batch)
    expect(read).toEqual(await files.tables.rows(file, contract, { offset: 3, limit: ROWS }))
    const wanted = contract.columns.filter((_, k) => k % 10 !== 9)
    const loaded = await files.tables.load(file, wanted.toReversed())
    expect(loaded.rows).toBe(ROWS)
    expect([...loaded.columns.keys()]).toEqual(wanted.map(({ name }) => name).toReversed())
    expect(loaded.columns.get('c260')).toMatchObject({ values: Float64Array.from(rows, (i) => (i * 261) % 97) })
    expect(loaded.columns.get('c262')).toMatchObject({ form: 'category' })
  })

  it('has the columns, rows and values that it would have in narrow files', async () => {
    const { table: file, contract } = plain
    const wide = contract.columns.filter(({ name }) => !isSpoilt(name))
    const loaded = await files.tables.load(file, wide)
    const rows = await files.tables.rows(file, contract, { offset: 0, limit: ROWS })
    for (const part of await narrow()) {
      const own = part.contract.columns.filter(({ name }) => !isSpoilt(name))
      const { columns: expected } = await files.tables.load(part.table, own)
      for (const { name } of own) expect({ [name]: loaded.columns.get(name) }).toEqual({ [name]: expected.get(name) })
      const page = await files.tables.rows(part.table, part.contract, { offset: 0, limit: ROWS })
      const names = part.contract.columns.map(({ name }) => name)
      expect(rows.map((row) => Object.fromEntries(names.map((name) => [name, row[name]])))).toEqual(page)
    }
  })

  it.each([
    ['wide', ''],
    ['as tall', '.000000000000'],
  ])('keeps the order of more rows than one thread reads: %s', async (_, decimals) => {
    const columns = all.slice(0, 70)
    const count = 30_000
    const lines = Array.from({ length: count }, (_, i) =>
      columns.map((k) => (k % 2 ? `word ${i % (k + 2)}` : i * 70 + k)),
    )
    const written = lines.map((line) => `${line.map((cell) => (typeof cell === 'number' ? cell + decimals : cell))}\n`)
    const path = await files.write(`${columns.map((k) => `c${k}`)}\n${written.join('')}`)
    const contract = columns.map((k): ContractColumn => {
      return { name: `c${k}`, dtype: k % 2 ? 'string' : 'number', required: true, nullable: true }
    })
    const loaded = await files.tables.load({ path, reading: asText(70) }, contract)
    for (const k of columns) {
      const column = loaded.columns.get(`c${k}`)!
      const isRight = (row: number) =>
        column.form === 'category'
          ? column.dictionary[column.codes[row]!] === lines[row]![k]
          : column.form === 'number' && column.values[row] === lines[row]![k]
      const wrong = lines.findIndex((_, row) => !isRight(row))
      if (wrong >= 0) throw new Error(`row ${wrong} of column ${k} is out of place`)
    }
  })

  it('is not loaded where a cell is not of its dtype, which is named', async () => {
    const wrong = plain.contract.columns.map((column) => ({ ...column, dtype: 'number' as const }))
    const loading = files.tables.load(plain.table, [wrong[0]!, wrong[265]!, wrong[1]!])
    await expect(loading).rejects.toMatchObject({
      code: 'DATASET_INVALID',
      message: expect.stringContaining('Column "c265" holds "late"'),
    })
    expect(await files.leftovers()).toEqual([])
  })

  it('has a word for missing cells as a value of those columns only that list it', async () => {
    const path = await files.write(
      `${all.map((k) => `c${k}`)}\n${[1, 2, 3].map(() => `${all.map(() => 'NA')}\n`).join('')}`,
    )
    const columns = all.map((k) => {
      const column = { name: `c${k}`, dtype: 'string' as const, required: true, nullable: true }
      return k % 100 === 7 ? { ...column, categories: ['NA'] } : column
    })
    const { reading, columns: profiles, report } = await files.tables.inspect(path, { contract: { columns } })
    expect(report.counts).toEqual([])
    const held = (name: string) => profiles.find((profile) => profile.name === name)!.nulls === 0
    const expected = ['c7', 'c107', 'c207']
    expect(profiles.filter(({ nulls }) => nulls === 0).map(({ name }) => name)).toEqual(expected)
    expect(profiles.filter(({ distinct }) => distinct === 1).map(({ name }) => name)).toEqual(expected)
    const loaded = await files.tables.load({ path, reading }, columns)
    const page = await files.tables.rows({ path, reading }, { columns }, { offset: 1, limit: 1 })
    for (const { name } of columns) {
      const dictionary = held(name) ? ['NA'] : []
      expect(loaded.columns.get(name)).toEqual({
        form: 'category',
        codes: Int32Array.of(...Array(3).fill(held(name) ? 0 : -1)),
        dictionary,
      })
      expect(page[0]![name]).toBe(held(name) ? 'NA' : null)
    }
  })

  it('is loaded where its categories are too many for one pass', async () => {
    await using small = await tableFiles({ memoryLimitMb: 64 })
    const columns = all.slice(0, 70)
    const lines = Array.from({ length: 4000 }, (_, i) => columns.map((k) => `${k} is the name of number ${i}`))
    const path = await small.write(`${columns.map((k) => `c${k}`)}\n${lines.map((line) => `${line}\n`).join('')}`)
    const contract = columns.map((k) => ({ name: `c${k}`, dtype: 'string' as const, required: true, nullable: true }))
    const loaded = await small.tables.load({ path, reading: asText(70) }, contract)
    for (const k of columns)
      expect(loaded.columns.get(`c${k}`)).toMatchObject({ dictionary: lines.map((line) => line[k]) })
  })

  it('is counted exactly where its columns hold too many values for one pass', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => Array(70).fill(i).join(','))
    const { columns } = await files.inspect(`${all.slice(0, 70).map((k) => `c${k}`)}\n${lines.join('\n')}\n`)
    expect(new Set(columns.map(({ distinct, min, max }) => `${distinct} ${min} ${max}`))).toEqual(
      new Set(['20000 0 19999']),
    )
  })

  it.each([
    ['is too short', (line: string) => line.slice(0, line.lastIndexOf(',')), { rule: 'field_count', row: 11 }],
    ['never closes a quote', (line: string) => `"${line}`, { rule: 'quotes', row: 11 }],
    ['has text behind a quote', (line: string) => `"x"y${line}`, { rule: 'quotes', row: 11, column: 'c0' }],
    ['is not UTF-8', (line: string) => `\u00ff${line}`, { rule: 'encoding', row: 11, column: 'c0' }],
  ])('is refused where a row %s, by row and column', async (_, spoil, expected) => {
    const lines = table(all.slice(0, 70).filter((k) => k % 10 !== 2)).split('\n')
    lines[11] = spoil(lines[11]!)
    expect(await files.refusal(Buffer.from(lines.join('\n'), 'latin1'))).toMatchObject(expected)
    expect(await files.leftovers()).toEqual([])
  })
})
