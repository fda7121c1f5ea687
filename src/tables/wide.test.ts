// Files wider than one statement reads: they go through strips (strips.ts), and nobody may be able to tell.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TableFiles, tableFiles } from '../../test/table-files.ts'
import type { DataContract } from '../contract/datasets.ts'

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

/** The same columns in files that are not wide. */
function narrow(): number[][] {
  return Array.from({ length: Math.ceil(WIDTH / 50) }, (_, part) => all.slice(part * 50, part * 50 + 50))
}

async function stored(text: string) {
  const path = await files.write(text)
  const { reading, contract } = await files.tables.inspect(path)
  return { table: { path, reading }, contract }
}

describe('a wide file', () => {
  it('has the profile, contract and findings that its columns have in narrow files', async () => {
    const wide = await files.inspect(table(all))
    const parts = []
    for (const columns of narrow()) parts.push(await files.inspect(table(columns)))
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
