import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type TableFiles, tableFiles } from '../../test/table-files.ts'
import type { ContractColumn } from '../contract/datasets.ts'
import { openEngine } from './engine.ts'
import type { StoredTable } from './index.ts'

let files: TableFiles
beforeAll(async () => {
  files = await tableFiles()
})
afterAll(() => files[Symbol.asyncDispose]())

async function stored(content: string | Uint8Array): Promise<{ table: StoredTable; columns: ContractColumn[] }> {
  const path = await files.write(content)
  const { reading, contract } = await files.tables.inspect(path)
  // The reading is kept in a database between two reads.
  return { table: { path, reading: JSON.parse(JSON.stringify(reading)) }, columns: contract.columns }
}

/** Large enough for several threads and several pieces of the file. */
const ROWS = 60_000
const large = () => {
  const rows = Array.from({ length: ROWS }, (_, i) => {
    return `${i},${i % 5 === 0 ? '' : `kind ${i % 7}`},${i % 2 === 0},text number ${i} "said" so,2024-01-${10 + (i % 20)}`
  })
  return `i,s,b,t,d\n${rows.map((row) => row.replace(/text .* so/, (text) => `"${text.replaceAll('"', '""')}"`)).join('\n')}\n`
}

describe('columns loaded for training', () => {
  it('have the form of their dtype, with missing cells marked', async () => {
    const { table, columns } = await stored(
      'n,s,b,d,t\n1,x,true,2024-01-31,how are you today\n,,,,\n2,y,false,2024-02-01,fine and well thanks\n3,x,true,2024-02-01,see you soon then\n',
    )
    const { rows, columns: loaded } = await files.tables.load(table, columns)
    expect(rows).toBe(4)
    expect([...loaded.keys()]).toEqual(['n', 's', 'b', 'd', 't'])
    expect(loaded.get('n')).toEqual({ form: 'number', values: Float64Array.of(1, Number.NaN, 2, 3) })
    expect(loaded.get('s')).toEqual({ form: 'category', codes: Int32Array.of(0, -1, 1, 0), dictionary: ['x', 'y'] })
    expect(loaded.get('b')).toEqual({ form: 'number', values: Float64Array.of(1, Number.NaN, 0, 1) })
    const day = (date: string) => Date.parse(date)
    expect(loaded.get('d')).toEqual({
      form: 'number',
      values: Float64Array.of(day('2024-01-31'), Number.NaN, day('2024-02-01'), day('2024-02-01')),
    })
    expect(loaded.get('t')).toEqual({
      form: 'text',
      values: ['how are you today', null, 'fine and well thanks', 'see you soon then'],
    })
  })

  it('keep the order of a large file in every form', async () => {
    const { table, columns } = await stored(large())
    const { columns: loaded } = await files.tables.load(table, columns)
    const [i, s, b, t, d] = ['i', 's', 'b', 't', 'd'].map((name) => loaded.get(name)!)
    if (i?.form !== 'number' || s?.form !== 'category' || b?.form !== 'number') throw new Error('wrong forms')
    if (t?.form !== 'text' || d?.form !== 'number') throw new Error('wrong forms')
    expect(s.dictionary).toEqual([1, 2, 3, 4, 6, 0, 5].map((k) => `kind ${k}`))
    for (let row = 0; row < ROWS; row++) {
      const isRight =
        i.values[row] === row &&
        s.dictionary[s.codes[row]!] === (row % 5 === 0 ? undefined : `kind ${row % 7}`) &&
        b.values[row] === Number(row % 2 === 0) &&
        t.values[row] === `text number ${row} "said" so` &&
        d.values[row] === Date.UTC(2024, 0, 10 + (row % 20))
      if (!isRight) throw new Error(`row ${row} is out of place`)
    }
  })

  it('are the same from the gzip file', async () => {
    const text = large()
    const [plain, packed] = [await stored(text), await stored(gzipSync(text))]
    expect(packed.table.reading.gzip).toBe(true)
    expect(await files.tables.load(packed.table, packed.columns)).toEqual(
      await files.tables.load(plain.table, plain.columns),
    )
  })

  it('may be some of the columns, in any order', async () => {
    const { table, columns } = await stored('a,b,c\n1,2,3\n')
    const { columns: loaded } = await files.tables.load(table, [columns[2]!, columns[0]!])
    expect([...loaded].map(([name]) => name)).toEqual(['c', 'a'])
  })

  it('may be a category column without a value', async () => {
    const { table, columns } = await stored('a,b\n1,\n2,\n')
    const { columns: loaded } = await files.tables.load(table, columns)
    expect(loaded.get('b')).toEqual({ form: 'category', codes: Int32Array.of(-1, -1), dictionary: [] })
  })

  it('are numbers where whole ones are too large to be told apart', async () => {
    const { table, columns } = await stored('a\n1e308\n-1e308\n1\n2\n3\n')
    expect(columns).toMatchObject([{ dtype: 'number' }])
    expect((await files.tables.load(table, columns)).columns.get('a')).toMatchObject({
      values: Float64Array.of(1e308, -1e308, 1, 2, 3),
    })
  })

  it('fail where a cell is not of the dtype asked for, instead of losing it', async () => {
    const { table } = await stored('a,b\n1,x\n2,y\n')
    const wrong: ContractColumn[] = [{ name: 'b', dtype: 'number', required: true, nullable: true }]
    await expect(files.tables.load(table, wrong)).rejects.toMatchObject({
      ...{ kind: 'invalid', code: 'DATASET_INVALID' },
      message: expect.stringContaining('Column "b" holds "x"'),
    })
  })

  it('fail where the file has no such column', async () => {
    const { table } = await stored('a\n1\n')
    const absent: ContractColumn[] = [{ name: 'z', dtype: 'number', required: true, nullable: true }]
    await expect(files.tables.load(table, absent)).rejects.toThrow('The file has no column "z"')
  })
})

describe('rows', () => {
  it('come page by page in file order', async () => {
    const { table, columns } = await stored(large())
    for (const offset of [0, 100, 37_777, ROWS - 2]) {
      const page = await files.tables.rows(table, { columns }, { offset, limit: 5 })
      expect(page.map(({ i }) => i)).toEqual([0, 1, 2, 3, 4].map((k) => offset + k).filter((i) => i < ROWS))
    }
  })

  it('come in batches that together are the file', async () => {
    const { table, columns } = await stored(large())
    let next = 10
    for await (const batch of files.tables.batches(table, { columns }, { size: 7000, offset: 10 })) {
      expect(batch.length).toBe(Math.min(7000, ROWS - next))
      for (const row of batch) if (row.i !== next++) throw new Error(`row ${next - 1} is out of place`)
    }
    expect(next).toBe(ROWS)
  })

  it('stop being read when the reader stops', async () => {
    const { table, columns } = await stored(large())
    for await (const _ of files.tables.batches(table, { columns }, { size: 10 })) break
    expect(await files.leftovers()).toEqual([])
  })
})

describe('reading tables', () => {
  it('stops when it is told to, leaving nothing behind', async () => {
    const path = await files.write(large())
    const controller = new AbortController()
    const inspecting = files.tables.inspect(path, { signal: controller.signal })
    setTimeout(() => controller.abort(new Error('enough')), 30)
    await expect(inspecting).rejects.toThrow('enough')
    expect(await files.leftovers()).toEqual([])
  })

  it('gives many callers their own answers', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => files.inspect(`a\n${'1\n'.repeat(i + 1)}`)))
    expect(all.map(({ rows }) => rows)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  })

  it('is refused once closed', async () => {
    const closed = await tableFiles()
    await closed[Symbol.asyncDispose]()
    await expect(closed.tables.inspect('x')).rejects.toMatchObject({ kind: 'unavailable' })
  })

  it('works on a file larger than the memory it may use', async () => {
    await using small = await tableFiles({ memoryLimitMb: 64 })
    const rows = Array.from({ length: 80_000 }, (_, i) => `${i},${`${i % 50_000}-`.repeat(200)}\n`)
    const { rows: count, columns } = await small.inspect(`i,s\n${rows.join('')}`)
    expect(count).toBe(80_000)
    expect(columns[1]!.distinct).toBe(50_000)
  })
})

describe('the engine', () => {
  it.each([
    ['read another file', "SELECT * FROM read_text('/etc/hostname')"],
    ['read by a path that leaves its folder', "SELECT * FROM read_text('FOLDER/../outside')"],
    ['write elsewhere', "COPY (SELECT 1) TO '/tmp/elsewhere.csv'"],
    ['attach a database', "ATTACH '/tmp/elsewhere.db'"],
    ['load an extension', 'INSTALL httpfs'],
    ['lift its limits', "SET memory_limit = '100GB'"],
    ['open itself up again', 'SET enable_external_access = true'],
  ])('cannot %s', async (_, sql) => {
    const path = await files.write('a\n1\n')
    await files.write('secret', 'outside')
    const folder = `${files.folder}/engine`
    await using engine = await openEngine({ folder, file: path, memoryLimitMb: 64, threads: 1 })
    await expect(engine.run(sql.replace('FOLDER', folder))).rejects.toThrow(/Permission|configuration|disabled/)
    expect(await readFile(path, 'utf8')).toBe('a\n1\n')
  })
})
