import { randomBytes } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TableFiles, tableFiles } from '../../test/table-files.ts'
import { jsonLines } from './write.ts'

let files: TableFiles
beforeAll(async () => {
  files = await tableFiles()
})
afterAll(() => files[Symbol.asyncDispose]())

const CSV = 'a,b\n1,x\n2,y\n'
const AB = [
  { a: 1, b: 'x' },
  { a: 2, b: 'y' },
]

describe('encodings and compression', () => {
  it.each([
    ['UTF-16, little end first', utf16(`\ufeff${CSV}`, 'le')],
    ['UTF-16, big end first', utf16(`\ufeff${CSV}`, 'be')],
    ['UTF-16 with CRLF', utf16(`\ufeff${CSV.replaceAll('\n', '\r\n')}`, 'le')],
    ['gzip', gzipSync(CSV)],
    ['gzip of several members', Buffer.concat([gzipSync('a,b\n1,x\n'), gzipSync('2,y\n')])],
    ['gzip of UTF-16', gzipSync(utf16(`\ufeff${CSV}`, 'le'))],
    ['gzip of mixed line ends', gzipSync('a,b\n1,x\r\n2,y\n')],
    ['gzip of JSON lines', gzipSync('{"a":1,"b":"x"}\n{"a":2,"b":"y"}\n')],
  ])('%s', async (_, bytes) => {
    expect(await files.read(bytes)).toEqual(AB)
  })

  it('a gzip file that is cut off is refused', async () => {
    const whole = gzipSync(Buffer.from(`a,b\n${'1,x\n'.repeat(50_000)}`))
    expect(await files.refusal(whole.subarray(0, whole.length - 20))).toMatchObject({ rule: 'format' })
    expect((await files.refusal(whole.subarray(0, 40))).message).toContain('cut off')
  })

  it.skipIf(process.platform !== 'linux')('a gzip file that is refused at its beginning is closed', async () => {
    const rest = Array.from({ length: 100_000 }, () => `${randomBytes(8).toString('hex')},1`).join('\n')
    const bytes = gzipSync(`a,b\n1,2\n1,2,3\n${rest}\n`)
    expect(await files.refusal(bytes)).toMatchObject({ rule: 'field_count', row: 2 })
    await expect.poll(() => openBelow(files.folder)).toEqual([])
  })

  it('a gzip file that is damaged is refused', async () => {
    const broken = gzipSync(CSV)
    broken[12] = broken[12]! ^ 0xff
    expect(await files.refusal(broken)).toMatchObject({ rule: 'format' })
  })

  it.each([
    ['zeros', Buffer.alloc(512)],
    ['something', Buffer.from('behind')],
  ])('a gzip file with %s behind its end is refused, instead of being stored and unreadable', async (_, behind) => {
    expect(await files.refusal(Buffer.concat([gzipSync(CSV), behind]))).toMatchObject({ rule: 'format' })
  })

  it.each(['<!DOCTYPE html>\n<html><body>404, not found</body></html>', '<?xml version="1.0"?>\n<rows><a/>\n</rows>'])(
    'a page that came in place of the file is refused as such: %s',
    async (text) => {
      const refusal = await files.refusal(text)
      expect(refusal).toMatchObject({ rule: 'format' })
      expect(refusal.message).toContain('HTML or XML')
    },
  )

  it('a gzip bomb is stopped at the limit and leaves nothing behind', async () => {
    await using small = await tableFiles({ limits: { expandedBytes: 1024 * 1024 } })
    const refusal = await small.refusal(gzipSync(Buffer.from(`a,b\n${'1,2\n'.repeat(2_000_000)}`)))
    expect(refusal).toMatchObject({ rule: 'limit' })
    expect(await small.leftovers()).toEqual([])
  })
})

describe('JSON lines', () => {
  it('of very many keys before a line that is none are refused for that line, in no time to speak of', async () => {
    const wide = JSON.stringify({ a: Object.fromEntries(Array.from({ length: 150_000 }, (_, i) => [`key${i}`, 1])) })
    expect(await files.refusal(`${'{"a":1}\n'.repeat(3)}${wide}\n{"a":\n`)).toMatchObject({ rule: 'json' })
  })

  it('become columns in order of appearance, missing keys becoming missing cells', async () => {
    const rows = await files.read('{"a":1,"b":"x"}\n{"c":true,"a":2}\n')
    expect(rows).toEqual([
      { a: 1, b: 'x', c: null },
      { a: 2, b: null, c: true },
    ])
    expect(Object.keys(rows[0] as object)).toEqual(['a', 'b', 'c'])
  })

  it('may have blank lines, CRLF, a byte-order mark and escapes', async () => {
    expect(await files.read('\ufeff{"a":"\\u00e9\\n\\"z\\""}\r\n\r\n{"a":"  y "}\r\n')).toEqual([
      { a: 'é\n"z"' },
      { a: 'y' },
    ])
  })

  it('keep the types they were written with: digits in quotes stay strings', async () => {
    const { contract } = await files.inspect(
      '{"zip":"12345","n":1,"d":"2024-01-31","m":"7"}\n{"zip":"1","n":2.5,"m":8}\n',
    )
    expect(contract.columns.map(({ dtype }) => dtype)).toEqual(['string', 'number', 'datetime', 'integer'])
  })

  it('may come as one array', async () => {
    expect(await files.read('[{"a":1,"b":"x"},\n {"a":2,"b":"y"}]')).toEqual(AB)
  })

  it('are made from rows sent in a request', async () => {
    expect(await files.read([...jsonLines(AB)].join(''))).toEqual(AB)
  })

  it.each([
    ['a broken line', '{"a":1}\n{"a":2\n{"a":3}\n', { rule: 'json', row: 2 }],
    ['two objects on a line', '{"a":1}\n{"a":2} {"a":3}\n', { rule: 'json', row: 2 }],
    ['a row that is no object', '{"a":1}\n3\n', { rule: 'json', row: 2 }],
    ['a nested object', '{"a":1}\n{"a":2,"b":{"c":1}}\n', { rule: 'nested', row: 2, column: 'b' }],
    ['an array', '{"a":1}\n\n{"a":[1]}\n', { rule: 'nested', row: 2, column: 'a', value: '[1]' }],
    ['a key twice', '{"a":1}\n{"a":2,"a":3}\n', { rule: 'json', row: 2, column: 'a' }],
    ['keys that differ only in case', '{"a":1,"A":2}\n', { rule: 'header', column: 'A' }],
    ['no columns', '{}\n', { rule: 'empty' }],
    ['half a character', '{"a":"x"}\n{"b":"\\ud800"}\n', { rule: 'encoding', row: 2, column: 'b' }],
  ])('are refused with %s', async (_, text, expected) => {
    expect(await files.refusal(text)).toMatchObject({ code: 'DATASET_INVALID', ...expected })
  })

  it('are refused where they are not UTF-8', async () => {
    const bytes = Buffer.from('{"a":"x"}\n{"a":"\u00fc"}\n', 'latin1')
    expect(await files.refusal(bytes)).toMatchObject({ rule: 'encoding', row: 2 })
  })

  it('are refused with more different keys than columns are allowed', async () => {
    const text = Array.from({ length: 5000 }, (_, i) => `{"k${i}":1}\n`).join('')
    expect(await files.refusal(text)).toMatchObject({ rule: 'limit' })
  })
})

describe('Parquet', () => {
  it('keeps its types; decimals become numbers and moments datetimes', async () => {
    const bytes = await parquet(`SELECT 1::INTEGER AS i, 2.50::DECIMAL(8,2) AS d, 'x' AS s, true AS b,
      TIMESTAMP '2024-01-31 10:20:30' AS t, DATE '2024-02-01' AS day, 'NaN'::DOUBLE AS missing, '007' AS code`)
    expect(await files.read(bytes)).toEqual([
      {
        i: 1, d: 2.5, s: 'x', b: true, t: '2024-01-31T10:20:30.000Z', day: '2024-02-01T00:00:00.000Z', missing: null, code: '007',
      },
    ]) // biome-ignore format: one row
  })

  it('reads whatever is text there: enumerations and UUIDs', async () => {
    const id = '0190a1b2-0000-7000-8000-000000000001'
    const bytes = await parquet(`SELECT '${id}'::UUID AS id, 'b'::ENUM('a', 'b') AS kind, '${id}'::UUID AS again`)
    expect(await files.read(bytes)).toEqual([{ id, kind: 'b', again: id }])
  })

  it('may be compressed once more', async () => {
    expect(await files.read(gzipSync(await parquet(`SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, 'y'`)))).toEqual(AB)
  })

  it('keeps whole numbers beyond 2^53 as strings', async () => {
    expect(await files.read(await parquet('SELECT 9007199254740993::BIGINT AS id'))).toEqual([
      { id: '9007199254740993' },
    ])
  })

  it('is refused with lists, naming the column', async () => {
    const refusal = await files.refusal(await parquet('SELECT 1 AS a, [1, 2] AS tags'))
    expect(refusal).toMatchObject({ rule: 'unsupported_type', column: 'tags' })
  })

  it('is refused where it is cut off, without a path in the message', async () => {
    const whole = await parquet('SELECT range AS a FROM range(1000)')
    const refusal = await files.refusal(whole.subarray(0, whole.length - 100))
    expect(refusal.rule).toBe('format')
    expect(refusal.message).not.toContain(files.folder)
    const path = await files.write(whole.subarray(0, whole.length - 100))
    const file = await open(path)
    await expect(files.tables.inspect(`/proc/self/fd/${file.fd}`)).rejects.toThrow(/at end of the file$/)
    await file.close()
  })
})

function utf16(text: string, end: 'le' | 'be'): Buffer {
  const bytes = Buffer.from(text, 'utf16le')
  return end === 'le' ? bytes : bytes.swap16()
}

async function parquet(sql: string): Promise<Buffer> {
  const { readFile } = await import('node:fs/promises')
  const path = `${files.folder}/made.parquet`
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run(`COPY (${sql}) TO '${path}' (FORMAT parquet)`)
  connection.closeSync()
  return readFile(path)
}

/** Files below a folder that this process has open. */
function openBelow(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(folder) ? [path] : []
    } catch {
      return []
    }
  })
}
