// Batch jobs over both databases: every way in, every way out, and every refusal.
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { resultBytes, resultLines, untilBatchEnds } from '../helpers/batch.ts'
import { aDataset, aTable, aTrainedModel, toCsv, train } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'

const ROWS = aTable({ rows: 130, seed: 9 }).map(({ bought: _, ...row }) => row)
const MODEL = { model_id: 'customers' }

describe.each(DATABASES)('batch jobs: %s', (database) => {
  let app: TestApp
  let online: unknown[]
  let version: string
  beforeAll(async () => {
    app = await startAppOn(database, { config: { batchChunkRows: 50 } })
    ;({ version } = await aTrainedModel(app.client))
    const { predictions } = await app.client.models.predict_batch({ ...MODEL, input_data: ROWS })
    online = predictions.map((answer, row) => ({ row, ...answer }))
  }, 60_000)
  afterAll(() => app.stop())

  const done = async (input: Parameters<TestApp['client']['batch_jobs']['create']>[0]) => {
    const { id } = await app.client.batch_jobs.create(input)
    return untilBatchEnds(app.client, id)
  }

  it('answer rows as a request would, in their order', async () => {
    const accepted = await app.client.batch_jobs.create({ ...MODEL, input_batch: ROWS })
    expect(accepted).toMatchObject({ status: 'queued', input_count: 130 })
    const job = await untilBatchEnds(app.client, accepted.id)
    expect(job).toMatchObject({ status: 'succeeded', version, processed_count: 130, failed_count: 0, progress: 1 })
    expect(job.remaining_seconds).toBe(0)
    expect(await resultLines(app.client, { job_id: job.id })).toEqual(online)
  })

  it('take rows as values in the order of the signature', async () => {
    const { signature } = await app.client.versions.get({ ...MODEL, version })
    const names = signature!.inputs.map(({ name }) => name)
    const job = await done({
      ...MODEL,
      input_batch: ROWS.map((row) => names.map((name) => row[name as keyof typeof row])),
    })
    expect(await resultLines(app.client, { job_id: job.id })).toEqual(online)
  })

  it.each([
    ['CSV', () => toCsv(ROWS)],
    ['CSV with other line ends', () => toCsv(ROWS).replaceAll('\n', '\r\n')],
    ['CSV, compressed', () => gzipSync(toCsv(ROWS))],
    ['CSV with blank lines, quotes and semicolons', () => quoted()],
    ['JSON lines', () => ROWS.map((row) => JSON.stringify(row)).join('\n\n')],
    ['a JSON array', () => JSON.stringify(ROWS)],
  ])('take an uploaded file: %s', async (_, file) => {
    const job = await done({ ...MODEL, file: file() })
    expect(job).toMatchObject({ status: 'succeeded', input_count: 130, failed_count: 0 })
    expect(await resultLines(app.client, { job_id: job.id })).toEqual(online)
  })

  it('take Parquet, also what another job wrote', async () => {
    const dataset = await aDataset(app.client, aTable({ rows: 40, seed: 3 }))
    const first = await done({ ...MODEL, dataset_id: dataset.id, output_format: 'parquet' })
    const bytes = await resultBytes(app.client, { job_id: first.id })
    expect(bytes.subarray(0, 4).toString()).toBe('PAR1')
    expect(await refusal(app.client.batch_jobs.create({ ...MODEL, file: bytes }))).toMatchObject({
      fields: { row: 'is not a column of this model', age: 'is required, and no column of the file' },
    })
  })

  it('give Parquet for classes that differ in upper and lower case only', async () => {
    const classes = ['Yes', 'yes', 'YES', 'yes_2', 'a "quoted", one']
    const table = Array.from({ length: 100 }, (_, i) => ({ x: 10 * (i % 5) + (i % 3), answer: classes[i % 5]! }))
    const dataset = await aDataset(app.client, table, 'answer')
    await train(app.client, { dataset_id: dataset.id, model_name: 'cases' })
    const job = await done({ model_id: 'cases', input_batch: [{ x: 1 }], output_format: 'parquet' })
    const made = await app.client.datasets.create({
      file: await resultBytes(app.client, { job_id: job.id }),
      name: 'r',
    })
    const names = made.columns.map(({ name }) => name).filter((name) => name.startsWith('probability_'))
    expect(names).toHaveLength(5)
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(5)
  })

  it('leave out what a dataset has beyond the columns of the model', async () => {
    const dataset = await aDataset(app.client, aTable({ rows: 130, seed: 9 }))
    const job = await done({ ...MODEL, dataset_id: dataset.id })
    expect(await resultLines(app.client, { job_id: job.id })).toEqual(online)
  })

  it('take every file of a prefix of the tenant, and of no other', async () => {
    const { objects } = app.app.services
    await objects.put('batch-input/may/1.csv', Buffer.from(toCsv(ROWS.slice(0, 60))))
    await objects.put(
      'batch-input/may/2.jsonl',
      Buffer.from(
        ROWS.slice(60)
          .map((row) => JSON.stringify(row))
          .join('\n'),
      ),
    )
    await objects.put('tenants/acme/batch-input/may/3.csv', Buffer.from(toCsv(ROWS)))
    const job = await done({ ...MODEL, input_prefix: 'may/' })
    expect(await resultLines(app.client, { job_id: job.id })).toEqual(online)
    expect(await objects.stat('batch-input/may/1.csv')).toBeDefined()
  })

  it('name the rows that fail, and predict the others', async () => {
    const rows = ROWS.map((row, i) => (i === 7 ? { ...row, age: 'old' } : i === 120 ? { ...row, extra: 1 } : row))
    const job = await done({ ...MODEL, input_batch: rows })
    expect(job).toMatchObject({ status: 'succeeded', failed_count: 2 })
    expect(job.row_errors).toEqual([
      { row: 7, error: 'age must be a number: "old"' },
      { row: 120, error: 'extra is not a column of this model: 1' },
    ])
    const lines = await resultLines(app.client, { job_id: job.id })
    expect(lines[7]).toEqual({ row: 7, prediction: null, error: 'age must be a number: "old"' })
    expect(lines.filter(({ row }) => row !== 7 && row !== 120)).toEqual(online.filter((_, i) => i !== 7 && i !== 120))
  })

  it('do the same for a file, whose broken lines fail alone', async () => {
    const lines = toCsv(ROWS).split('\n')
    lines[8] = 'old,1000,Rome'
    lines[60] = '1,2'
    const job = await done({ ...MODEL, file: lines.join('\n') })
    expect(job.row_errors).toEqual([
      { row: 7, error: 'age must be a number: "old"' },
      { row: 59, error: 'has 2 fields where the header has 3' },
    ])
    const answers = await resultLines(app.client, { job_id: job.id })
    expect(answers.filter(({ row }) => row !== 7 && row !== 59)).toEqual(online.filter((_, i) => i !== 7 && i !== 59))
  })

  const beyond = [
    { row: 3, error: 'age must be finite: Infinity' },
    { row: 4, error: 'income must be finite: -Infinity' },
  ]
  const withHuge = (rows: readonly object[]) =>
    rows.map((row, i) =>
      JSON.stringify(i === 3 ? { ...row, age: '+' } : i === 4 ? { ...row, income: '-' } : row)
        .replace('"+"', '1e400')
        .replace('"-"', '-1e400'),
    )

  it('name rows with numbers beyond any double, which are no missing cells', async () => {
    const { statusCode, body } = await app.inject({
      method: 'POST',
      url: '/api/v1/ml/batch-jobs',
      headers: { 'content-type': 'application/json' },
      payload: `{"model_id":"customers","input_batch":[${withHuge(ROWS.slice(0, 10))}]}`,
    })
    expect(statusCode).toBe(202)
    const job = await untilBatchEnds(app.client, JSON.parse(body).data.id)
    expect(job).toMatchObject({ status: 'succeeded', failed_count: 2, row_errors: beyond })
  })

  it('do the same for JSON lines and CSV', async () => {
    const lines = await done({ ...MODEL, file: withHuge(ROWS.slice(0, 10)).join('\n') })
    expect(lines).toMatchObject({ status: 'succeeded', failed_count: 2, row_errors: beyond })
    const rows = toCsv(ROWS.slice(0, 10)).split('\n')
    const at = rows[0]!.split(',').indexOf('age')
    rows[4] = rows[4]!.split(',').with(at, '1e400').join(',')
    const table = await done({ ...MODEL, file: rows.join('\n') })
    expect(table).toMatchObject({ failed_count: 1, row_errors: [{ row: 3, error: 'age must be finite: "1e400"' }] })
  })

  it('say no more than some of what is wrong with a row', async () => {
    const wrong = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`no_column_${i}`, 'x'.repeat(500)]))
    const job = await done({ ...MODEL, input_batch: [{ ...ROWS[0], ...wrong }] })
    const [{ error } = { error: '' }] = job.row_errors ?? []
    expect(error).toMatch(/^no_column_0 is not a column of this model: "x+…; .*; and more$/)
    expect(error.length).toBeLessThan(5000)
  })

  it('give results as CSV, in parts of any place and length', async () => {
    const job = await done({ ...MODEL, input_batch: ROWS, output_format: 'csv' })
    const whole = (await resultBytes(app.client, { job_id: job.id })).toString().split('\n')
    expect(whole[0]).toBe('row,prediction,confidence,probability_0,probability_1,error')
    expect(whole).toHaveLength(132)
    const part = (await resultBytes(app.client, { job_id: job.id, offset: 48, limit: 60 })).toString().split('\n')
    expect(part.slice(1, -1)).toEqual(whole.slice(49, 109))
    expect(await resultLines(app.client, { job_id: job.id, offset: 99, limit: 2 })).toEqual(online.slice(99, 101))
    expect(await resultLines(app.client, { job_id: job.id, offset: 500 })).toEqual([])
    const parquet = await app.client.batch_jobs.results({ job_id: job.id, format: 'parquet', limit: 3 })
    expect(parquet.filename).toBe(`${job.id}.parquet`)
    await parquet.stream.cancel()
  })

  it('are one job when submitted twice under one id, and refused when they differ', async () => {
    const request = { ...MODEL, input_batch: ROWS.slice(0, 3), job_id: 'my-job.1' }
    expect(await app.client.batch_jobs.create(request)).toMatchObject({ id: 'my-job.1', input_count: 3 })
    await untilBatchEnds(app.client, 'my-job.1')
    expect(await app.client.batch_jobs.create(request)).toMatchObject({ id: 'my-job.1', status: 'succeeded' })
    const other = { ...request, input_batch: ROWS.slice(0, 4) }
    expect(await refusal(app.client.batch_jobs.create(other))).toMatchObject({
      kind: 'conflict',
      code: 'BATCH_JOB_EXISTS',
    })
    expect((await app.client.batch_jobs.list()).items.filter(({ id }) => id === 'my-job.1')).toHaveLength(1)
  })

  it('keep the version they were submitted with', async () => {
    const job = await app.client.batch_jobs.create({ ...MODEL, version, input_batch: ROWS })
    const dataset = await aDataset(app.client, aTable({ rows: 60, seed: 4 }))
    const second = await train(app.client, { dataset_id: dataset.id, promotion: false })
    await app.client.models.deploy({ ...MODEL, version: second.version, environment: 'production' })
    try {
      expect(await untilBatchEnds(app.client, job.id)).toMatchObject({ version, status: 'succeeded' })
      expect(await resultLines(app.client, { job_id: job.id })).toEqual(online)
    } finally {
      await app.client.models.deploy({ ...MODEL, version, environment: 'production' })
    }
  })

  it('tell of their end in an event', async () => {
    const job = await done({ ...MODEL, input_batch: ROWS.slice(0, 2) })
    const events = await app.app.services.db.system((tx) => tx.selectFrom('outbox').select('event').execute())
    const mine = events.map(({ event }) => event).filter(({ subject }) => subject === job.id)
    expect(mine).toMatchObject([{ type: 'ml.batch.completed', data: { job_id: job.id, processed_count: 2 } }])
  })

  it('leave no input behind, and nothing at all once deleted', async () => {
    const job = await done({ ...MODEL, input_batch: ROWS })
    const left = async () => {
      const keys: string[] = []
      for await (const { key } of app.app.services.objects.list(`batch/${job.id}/`)) keys.push(key)
      return keys
    }
    expect((await left()).filter((key) => key.includes('/input/'))).toEqual([])
    expect(await left()).toHaveLength(4)
    expect(await app.client.batch_jobs.delete({ job_id: job.id })).toEqual({ id: job.id })
    expect(await left()).toEqual([])
    expect(await refusal(app.client.batch_jobs.get({ job_id: job.id }))).toMatchObject({ code: 'BATCH_JOB_NOT_FOUND' })
  })

  it('are listed newest first, page by page', async () => {
    const ids: string[] = []
    for (let cursor: string | undefined; ; ) {
      const page = await app.client.batch_jobs.list({ limit: 5, ...(cursor !== undefined && { cursor }) })
      ids.push(...page.items.map(({ id }) => id))
      if (page.next_cursor === null) break
      cursor = page.next_cursor
    }
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toEqual((await app.client.batch_jobs.list({ limit: 500 })).items.map(({ id }) => id))
  })

  it.each([
    ['no input', {}, 'give exactly one of'],
    ['two inputs', { input_batch: ROWS, dataset_id: 'x' }, 'give exactly one of'],
    ['no rows', { input_batch: [] }, 'holds no rows'],
    ['a prefix with nothing', { input_prefix: 'nothing/' }, 'is the beginning of no file'],
    ['an id that is a path', { input_batch: ROWS, job_id: '../x' }, 'job_id'],
    ['an unknown dataset', { dataset_id: 'dataset_x' }, 'No dataset'],
    ['an unknown version', { input_batch: ROWS, version: '9.9.9' }, 'No version'],
  ])('are refused: %s', async (_, request, message) => {
    expect((await refusal(app.client.batch_jobs.create({ ...MODEL, ...request }))).message).toContain(message)
  })

  it('are refused as a file without rows, and with the text of the reader', async () => {
    expect(await refusal(app.client.batch_jobs.create({ ...MODEL, file: 'age,income,city\n' }))).toMatchObject({
      kind: 'invalid',
      code: 'DATASET_INVALID',
    })
  })

  it('belong to their tenant alone', async () => {
    const job = await done({ ...MODEL, input_batch: ROWS.slice(0, 2) })
    const other = app.as('acme')
    for (const call of ['get', 'cancel', 'delete', 'results'] as const) {
      expect(await refusal(other.batch_jobs[call]({ job_id: job.id }))).toMatchObject({ code: 'BATCH_JOB_NOT_FOUND' })
    }
    expect((await other.batch_jobs.list()).items).toEqual([])
  })
})

function quoted(): string {
  const [head, ...lines] = toCsv(ROWS).split('\n')
  const cells = lines.map((line, i) =>
    i % 2
      ? line
      : line
          .split(',')
          .map((cell) => `"${cell}"`)
          .join(','),
  )
  return `${[head, ...cells].join('\n\n').replaceAll(',', ';')}\n\n`
}
