import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { anAddingModel, aTable, toCsv } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { storedKeys, temporaryFiles } from '../helpers/files.ts'
import { rowsOf } from '../helpers/tables.ts'

const FILE = { filename: 'customers.csv' }

describe.each([...DATABASES])('datasets on the %s database', (database) => {
  let app: TestApp
  let client: MlClient
  let tenants = 0
  let tenant = ''

  beforeAll(async () => {
    app = await startAppOn(database, { config: { maxUploadMb: 20 } })
  })
  afterAll(() => app.stop())
  beforeEach(() => {
    tenants++
    tenant = `t${tenants}`
    client = app.as(tenant)
  })

  /** Nothing may be left of what was refused. */
  async function expectNothing(): Promise<void> {
    const rows = await rowsOf(app, tenant)
    expect(Object.fromEntries(Object.entries(rows).filter(([, found]) => found.length > 0))).toEqual({})
    expect((await storedKeys(app)).filter((key) => key.startsWith(`tenants/${tenant}/`))).toEqual([])
    expect(await temporaryFiles(app)).toEqual([])
  }

  it('are made of rows, with their profile and an inferred contract', async () => {
    const dataset = await client.datasets.create({
      name: 'people',
      rows: [
        { age: 30, city: 'Rome', member: true },
        { age: 40.5, city: 'Rome', member: false },
        { age: null, city: 'Oslo' },
      ],
      target: 'city',
    })
    expect(dataset).toMatchObject({ name: 'people', rows: 3, target: 'city', contract: { target: 'city' } })
    expect(dataset.id).toMatch(/^dataset_/)
    expect(dataset.columns).toEqual([
      expect.objectContaining({ name: 'age', dtype: 'number', nulls: 1, min: 30, max: 40.5, mean: 35.25 }),
      expect.objectContaining({
        name: 'city',
        dtype: 'string',
        nulls: 0,
        distinct: 2,
        min: null,
        max: null,
        mean: null,
      }),
      expect.objectContaining({ name: 'member', dtype: 'boolean', nulls: 1, mean: 0.5 }),
    ])
    expect(dataset.columns[1]?.top[0]).toEqual({ value: 'Rome', count: 2 })
    expect(await client.datasets.get({ dataset_id: dataset.id })).toEqual(dataset)
  })

  it('are made of a CSV file, gzip or not, with the sha256 of its bytes', async () => {
    const csv = toCsv(aTable({ rows: 40 }))
    const plain = await client.datasets.create({ file: csv, ...FILE, target: 'bought' })
    expect(plain).toMatchObject({ name: 'customers.csv', rows: 40, size_bytes: csv.length, target: 'bought' })
    const packed = await client.datasets.create({ file: gzipSync(csv), filename: 'customers.csv.gz', name: 'mine' })
    expect(packed).toMatchObject({ name: 'mine', rows: 40, target: null })
    expect(packed.columns).toEqual(plain.columns)
    expect(packed.sha256).not.toBe(plain.sha256)
  })

  it('are made of a stream as it comes', async () => {
    const lines = Readable.from(
      ['a,b\n', ...Array.from({ length: 500 }, (_, i) => `${i},x\n`)].map((l) => Buffer.from(l)),
    )
    const dataset = await client.datasets.create({ file: lines, filename: 'stream.csv' })
    expect(dataset).toMatchObject({ rows: 500 })
  })

  it('show their rows page by page', async () => {
    const rows = aTable({ rows: 12 })
    const { id } = await client.datasets.create({ name: 'rows', rows: rows as Record<string, unknown>[] })
    const all = (await client.datasets.rows({ dataset_id: id })).rows
    expect(all).toHaveLength(12)
    expect(all.map(({ age }) => age)).toEqual(rows.map(({ age }) => age))
    expect((await client.datasets.rows({ dataset_id: id, limit: 5, offset: 10 })).rows).toEqual(all.slice(10))
    expect((await client.datasets.rows({ dataset_id: id, offset: 12 })).rows).toEqual([])
    const beyond = client.datasets.rows({ dataset_id: id, offset: 1e300 })
    expect((await refusal(beyond)).fields).toHaveProperty('offset')
    const last = client.datasets.rows({ dataset_id: id, offset: Number.MAX_SAFE_INTEGER })
    expect((await last).rows).toEqual([])
  })

  it('are listed newest first, page by page', async () => {
    const ids: string[] = []
    for (const name of ['one', 'two', 'three'])
      ids.unshift((await client.datasets.create({ name, rows: [{ a: 1 }, { a: 2 }] })).id)
    const first = await client.datasets.list({ limit: 2 })
    expect(first.items.map(({ id }) => id)).toEqual(ids.slice(0, 2))
    const second = await client.datasets.list({ limit: 2, cursor: first.next_cursor! })
    expect(second).toMatchObject({ items: [{ id: ids[2] }], next_cursor: null })
    expect((await refusal(client.datasets.list({ cursor: 'nonsense' }))).fields).toHaveProperty('cursor')
    expect((await refusal(client.datasets.list({ limit: 501 }))).fields).toHaveProperty('limit')
  })

  it('keep a contract that was given', async () => {
    const contract = {
      columns: [
        { name: 'age', dtype: 'number' as const, min: 0, max: 120, nullable: true, required: true },
        {
          name: 'city',
          dtype: 'string' as const,
          categories: ['Rome', 'Oslo', 'Bonn'],
          nullable: false,
          required: true,
        },
        { name: 'income', dtype: 'number' as const, nullable: true, required: true },
        { name: 'bought', dtype: 'integer' as const, nullable: false, required: true },
      ],
      target: 'bought',
    }
    const dataset = await client.datasets.create({ file: toCsv(aTable({ rows: 30 })), ...FILE, contract })
    expect(dataset.target).toBe('bought')
    expect(new Set(dataset.contract.columns.map(({ name }) => name))).toEqual(
      new Set(['age', 'income', 'city', 'bought']),
    )
    expect(dataset.contract.columns.find(({ name }) => name === 'age')).toMatchObject({ min: 0, max: 120 })
  })

  it('that break their contract are refused with place, rule and count of everything', async () => {
    const contract = {
      columns: [
        { name: 'age', dtype: 'integer' as const, min: 0, max: 120, nullable: false },
        { name: 'city', dtype: 'string' as const, categories: ['Rome'] },
      ],
    }
    const file = `age,city\n1,Rome\n-5,Rome\nold,Oslo\n,Rome\n${'200,Rome\n'.repeat(150)}`
    const { kind, code, details, message } = await refusal(client.datasets.create({ file, ...FILE, contract }))
    expect({ kind, code }).toEqual({ kind: 'invalid', code: 'CONTRACT_VIOLATION' })
    const { findings, counts } = details as { findings: Record<string, unknown>[]; counts: Record<string, unknown>[] }
    expect(findings).toHaveLength(100)
    expect(findings.slice(0, 4)).toEqual(
      expect.arrayContaining([
        { row: 2, column: 'age', rule: 'min', value: '-5' },
        { row: 3, column: 'age', rule: 'dtype', value: 'old' },
        { row: 3, column: 'city', rule: 'categories', value: 'Oslo' },
        { row: 4, column: 'age', rule: 'nullable', value: null },
      ]),
    )
    expect(counts).toEqual(
      expect.arrayContaining([
        { column: 'age', rule: 'max', count: 150 },
        { column: 'age', rule: 'min', count: 1 },
        { column: 'age', rule: 'dtype', count: 1 },
        { column: 'age', rule: 'nullable', count: 1 },
        { column: 'city', rule: 'categories', count: 1 },
      ]),
    )
    expect(message).toContain('154 place(s)')
    await expectNothing()
  })

  it('can be held against another contract later', async () => {
    const { id: dataset_id } = await client.datasets.create({ file: 'a,b\n1,x\n2,y\n3,\n', ...FILE })
    const good = {
      columns: [
        { name: 'a', dtype: 'integer' as const },
        { name: 'b', dtype: 'string' as const },
      ],
    }
    expect(await client.datasets.validate({ dataset_id, contract: good })).toEqual({
      valid: true,
      findings: [],
      counts: [],
    })
    const strict = {
      columns: [
        { name: 'a', dtype: 'integer' as const, max: 2 },
        { name: 'b', dtype: 'string' as const, nullable: false },
        { name: 'c', dtype: 'number' as const },
      ],
    }
    const report = await client.datasets.validate({ dataset_id, contract: strict })
    expect(report.valid).toBe(false)
    expect(report.counts.map(({ column, rule }) => `${column} ${rule}`).toSorted()).toEqual([
      'a max',
      'b nullable',
      'c required',
    ])
  })

  it.each([
    ['nothing at all', ''],
    ['a header alone', 'a,b\n'],
    ['white space', '\n\n  \n'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xff, 0x10, 0x13])],
    [
      'bad UTF-8 in the middle',
      Buffer.concat([Buffer.from('a,b\n1,x\n2,'), Buffer.from([0xc3, 0x28]), Buffer.from('\n')]),
    ],
    ['a row of another width', 'a,b\n1,2\n1,2,3\n'],
    ['the same column twice', 'a,a\n1,2\n'],
    ['a broken gzip', gzipSync('a,b\n1,2\n').subarray(0, 15)],
  ])('cannot be made of a file with %s', async (_, file) => {
    const { kind, message } = await refusal(client.datasets.create({ file, ...FILE }))
    expect(kind).toMatch(/invalid|malformed/)
    expect(message.length).toBeGreaterThan(10)
    await expectNothing()
  })

  it('may have one row', async () => {
    expect(await client.datasets.create({ file: 'a,b\n1,x\n', ...FILE })).toMatchObject({ rows: 1 })
  })

  it.each([
    ['neither rows nor a file', { name: 'x' }, 'file'],
    ['rows without a name', { rows: [{ a: 1 }] }, 'name'],
    ['no rows', { name: 'x', rows: [] }, 'rows'],
    ['a target that is no column', { name: 'x', rows: [{ a: 1 }, { a: 2 }], target: 'b' }, 'target'],
    [
      'a contract that contradicts itself',
      { name: 'x', rows: [{ a: 1 }], contract: { columns: [], target: 'x' } },
      'contract.columns',
    ],
  ])('cannot be made of %s', async (_, input, field) => {
    const { kind, fields, message } = await refusal(client.datasets.create(input as never))
    expect(kind).toBe('invalid')
    expect(Object.keys(fields).join() + message).toContain(field)
    await expectNothing()
  })

  it('cannot be made of rows and a file at once', async () => {
    expect(
      (await refusal(client.datasets.create({ file: 'a\n1\n', rows: [{ a: 1 }], ...FILE }))).fields,
    ).toHaveProperty('rows')
    await expectNothing()
  })

  it('that have a gap in their own target are refused with its row', async () => {
    const rows = [{ a: 1, b: 1 }, { a: 2, b: 0 }, { a: 3 }]
    const { code, details } = await refusal(client.datasets.create({ name: 'x', rows, target: 'b' }))
    expect({ code, findings: details?.findings }).toEqual({
      code: 'CONTRACT_VIOLATION',
      findings: [{ row: 3, column: 'b', rule: 'nullable', value: null }],
    })
    await expectNothing()
  })

  it.each(['nul \u0000 byte', 'half a \ud800 pair', 'emoji 🦊 and "quotes"'])('may hold the text %j', async (text) => {
    const rows = Array.from({ length: 5 }, (_, i) => ({ text, i }))
    expect(await client.datasets.create({ name: 'text', rows })).toMatchObject({ rows: 5 })
  })

  it('cannot have a NUL in their name', async () => {
    const { kind, code } = await refusal(client.datasets.create({ name: 'a\u0000b', rows: [{ a: 1 }, { a: 2 }] }))
    expect({ kind, code }).toEqual({ kind: 'invalid', code: 'TEXT_INVALID' })
    await expectNothing()
  })

  it('can be deleted, and are gone with their bytes', async () => {
    const { id } = await client.datasets.create({ name: 'x', rows: [{ a: 1 }, { a: 2 }] })
    expect(await client.datasets.delete({ dataset_id: id })).toEqual({ id })
    expect(await refusal(client.datasets.get({ dataset_id: id }))).toMatchObject({ code: 'DATASET_NOT_FOUND' })
    expect(await refusal(client.datasets.delete({ dataset_id: id }))).toMatchObject({ code: 'DATASET_NOT_FOUND' })
    expect((await storedKeys(app)).filter((key) => key.includes(id))).toEqual([])
  })

  it('that a version was made from are deleted only by force', async () => {
    const { id } = await client.datasets.create({ file: toCsv(aTable({ rows: 60 })), ...FILE, target: 'bought' })
    const { job_id } = await client.models.train({ model_name: 'm', dataset_id: id, model_type: 'classification' })
    const refused = await refusal(client.datasets.delete({ dataset_id: id }))
    expect(refused).toMatchObject({ kind: 'conflict', code: 'DATASET_IN_USE' })
    await client.training_jobs.cancel({ job_id }).catch(() => {})
    expect(await client.datasets.delete({ dataset_id: id, force: true })).toEqual({ id })
  })

  it('do not stand in the way of models that came from elsewhere', async () => {
    const { id } = await client.datasets.create({ name: 'x', rows: [{ a: 1 }, { a: 2 }] })
    await anAddingModel(client)
    expect(await client.datasets.delete({ dataset_id: id })).toEqual({ id })
  })
})
