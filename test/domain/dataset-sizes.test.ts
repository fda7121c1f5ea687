import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { refusal } from '../helpers/failing.ts'
import { storedKeys, temporaryFiles } from '../helpers/files.ts'

const FILE = { filename: 'data.csv' }

describe('datasets', () => {
  let app: TestApp
  let client: MlClient

  beforeAll(async () => {
    app = await startApp({ worker: false, config: { maxUploadMb: 20 } })
    client = app.client
  })
  afterAll(() => app.stop())

  async function expectNothing(): Promise<void> {
    expect((await client.datasets.list()).items).toEqual([])
    expect(await storedKeys(app)).toEqual([])
    expect(await temporaryFiles(app)).toEqual([])
  }

  it('of 10,000 columns are refused by their number, and leave nothing', async () => {
    const header = Array.from({ length: 10_000 }, (_, i) => `c${i}`).join(',')
    const line = Array.from({ length: 10_000 }, (_, i) => i).join(',')
    const { kind, message } = await refusal(client.datasets.create({ file: `${header}\n${line}\n${line}\n`, ...FILE }))
    expect(kind).toBe('invalid')
    expect(message).toMatch(/10,?000/)
    await expectNothing()
  })

  it('of as many columns as are allowed are profiled and read', async () => {
    const columns = Array.from({ length: 4096 }, (_, i) => i)
    const lines = Array.from({ length: 50 }, (_, row) => columns.map((i) => (i % 3 === 0 ? `v${row % 7}` : row + i)))
    const file = [columns.map((i) => `c${i}`), ...lines].map((cells) => `${cells.join(',')}\n`).join('')
    const dataset = await client.datasets.create({ file, ...FILE })
    expect(dataset.rows).toBe(50)
    expect(dataset.columns.map(({ name }) => name)).toEqual(columns.map((i) => `c${i}`))
    for (const [i, column] of dataset.columns.entries()) {
      const expected = i % 3 === 0 ? { dtype: 'string', distinct: 7 } : { dtype: 'integer', min: i, max: i + 49 }
      expect(column).toMatchObject(expected)
    }
    const { rows } = await client.datasets.rows({ dataset_id: dataset.id, limit: 2 })
    expect(rows[1]).toEqual(Object.fromEntries(columns.map((i) => [`c${i}`, lines[1]![i]])))
    await client.datasets.delete({ dataset_id: dataset.id })
  })

  it('may have cells of a megabyte', async () => {
    const text = 'word '.repeat(200_000)
    const file = `id,body\n${Array.from({ length: 4 }, (_, i) => `${i},"${text}${i}"`).join('\n')}\n`
    const dataset = await client.datasets.create({ file, ...FILE })
    expect(dataset).toMatchObject({ rows: 4, size_bytes: file.length })
    const { rows } = await client.datasets.rows({ dataset_id: dataset.id, limit: 1 })
    expect(String(rows[0]?.body).trim().length).toBeGreaterThan(900_000)
    expect(JSON.stringify(dataset.columns).length).toBeLessThan(100_000)
    await client.datasets.delete({ dataset_id: dataset.id })
  })

  it.each(['1e400', '-1e400'])('with a number beyond any double, %s, are refused by row and column', async (number) => {
    const { statusCode, body } = await app.inject({
      method: 'POST',
      url: '/api/v1/ml/datasets',
      headers: { 'content-type': 'application/json' },
      payload: `{"name":"x","rows":[{"a":1,"b":"x"},{"a":${number},"b":"y"}]}`,
    })
    expect(statusCode).toBe(422)
    expect(body).toContain('"rows.1.a"')
    await expectNothing()
  })

  it('that are too large are refused, and leave nothing', async () => {
    const file = Readable.from(Array.from({ length: 22 }, () => Buffer.alloc(1_000_000, 'a,b\n1,2\n')))
    expect(await refusal(client.datasets.create({ file, filename: 'big.csv' }))).toMatchObject({ kind: 'too_large' })
    await expectNothing()
  })
})
