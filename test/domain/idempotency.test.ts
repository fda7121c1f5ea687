import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { aDataset, toCsv } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { rowsOf } from '../helpers/tables.ts'

const rows = [{ a: 1 }, { a: 2 }]

describe.each([...DATABASES])('an Idempotency-Key on the %s database', (database) => {
  let app: TestApp
  beforeAll(async () => {
    app = await startAppOn(database, { worker: false })
  })
  afterAll(() => app.stop())

  it('gets the first reply again, and the work is done once', async () => {
    const client = app.as('again')
    const input = { name: 'x', rows }
    const first = await client.datasets.create(input, { idempotencyKey: 'k1' })
    expect(await client.datasets.create(input, { idempotencyKey: 'k1' })).toEqual(first)
    expect((await client.datasets.list()).items).toHaveLength(1)
  })

  it('may be used once: another body is a conflict', async () => {
    const client = app.as('other')
    await client.datasets.create({ name: 'x', rows }, { idempotencyKey: 'k1' })
    const other = client.datasets.create({ name: 'y', rows }, { idempotencyKey: 'k1' })
    expect(await refusal(other)).toMatchObject({ kind: 'conflict', code: 'IDEMPOTENCY_KEY_REUSED' })
    const elsewhere = client.models.create({ name: 'm', type: 'custom' }, { idempotencyKey: 'k1' })
    expect(await refusal(elsewhere)).toMatchObject({ kind: 'conflict', code: 'IDEMPOTENCY_KEY_REUSED' })
  })

  it('knows an uploaded file by its bytes, not by its name', async () => {
    const client = app.as('files')
    const upload = (file: string) => client.datasets.create({ file, filename: 'data.csv' }, { idempotencyKey: 'k1' })
    const first = await upload(toCsv(rows))
    expect(await upload(toCsv(rows))).toEqual(first)
    expect(await refusal(upload(toCsv([{ a: 3 }, { a: 4 }])))).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
  })

  it('lets one of many requests at once do the work; the others wait for their turn or get its reply', async () => {
    const client = app.as('race')
    const ask = () => client.datasets.create({ name: 'x', rows }, { idempotencyKey: 'k1' })
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        ask().then(
          ({ id }) => id,
          (error: { code: string }) => error.code,
        ),
      ),
    )
    const ids = new Set(answers.filter((answer) => answer.startsWith('dataset_')))
    expect(ids.size).toBe(1)
    expect(answers.filter((answer) => !ids.has(answer)).every((code) => code === 'REQUEST_IN_PROGRESS')).toBe(true)
    expect((await ask()).id).toBe([...ids][0])
    expect((await client.datasets.list()).items).toHaveLength(1)
  })

  it('is free again after a failure', async () => {
    const client = app.as('failed')
    const wrong = client.datasets.create({ name: 'x', rows, target: 'no such column' }, { idempotencyKey: 'k1' })
    expect(await refusal(wrong)).toMatchObject({ kind: 'invalid' })
    expect(await client.datasets.create({ name: 'x', rows }, { idempotencyKey: 'k1' })).toMatchObject({ rows: 2 })
  })

  it('makes one model and one job of a training that is asked for twice', async () => {
    const client = app.as('train')
    const { id } = await aDataset(client)
    const request = { model_name: 'm', dataset_id: id, model_type: 'classification' } as const
    const first = await client.models.train(request, { idempotencyKey: 'k' })
    expect(await client.models.train(request, { idempotencyKey: 'k' })).toEqual(first)
    const { training_jobs, model_versions, models } = await rowsOf(app, 'train')
    expect([training_jobs, model_versions, models].map((found) => found?.length)).toEqual([1, 1, 1])
  })

  it('is ignored where nothing is made', async () => {
    const client = app.as('queries')
    expect(await client.models.list({}, { idempotencyKey: 'k' })).toEqual({ items: [], next_cursor: null })
    expect(await client.datasets.list({}, { idempotencyKey: 'k' })).toEqual({ items: [], next_cursor: null })
    expect((await rowsOf(app, 'queries')).idempotency_keys).toEqual([])
  })

  it.each(['', 'x'.repeat(256), 'tab\there'])('that is %j is refused', async (key) => {
    const reply = await app.inject({
      method: 'POST',
      url: '/api/v1/ml/models',
      headers: { 'idempotency-key': key },
      payload: { name: 'm', type: 'custom' },
    })
    expect(reply.statusCode).toBe(422)
  })
})
