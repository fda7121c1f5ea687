// Multipart uploads: any order of parts, flat memory, nothing left on disk, and a clear answer to every broken form.
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HttpOptions } from '../src/http/app.ts'
import { type Answer, startDouble } from './http-double.ts'

const datasets = '/api/v1/ml/datasets'
const versions = '/api/v1/ml/models/m/versions'

let tempDir: string
beforeEach(async () => {
  tempDir = await mkdtemp(join(tmpdir(), 'http-uploads-'))
})
afterEach(async () => {
  expect(await readdir(tempDir)).toEqual([])
  await rm(tempDir, { recursive: true })
})

const start = (answer: Answer, options: Partial<HttpOptions> = {}) => startDouble(answer, { tempDir, ...options })
const readUpload: Answer = async ({ call: { upload } }) =>
  upload && { filename: upload.filename, text: (await buffer(upload.stream)).toString() }

interface Part {
  readonly name: string
  readonly value: string
  readonly filename?: string
}

function form(parts: readonly Part[], end = '--') {
  const pieces = parts.map(({ name, value, filename }) => {
    const file = filename === undefined ? '' : `; filename="${filename}"`
    return `--b\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`
  })
  return { headers: { 'content-type': 'multipart/form-data; boundary=b' }, payload: `${pieces.join('')}--b${end}\r\n` }
}

const file: Part = { name: 'file', value: 'a,b\n1,2\n', filename: 'day_01.csv' }
const name: Part = { name: 'name', value: 'days' }

describe('an upload', () => {
  it.each([
    ['before', [name, file]],
    ['after', [file, name]],
  ])('takes its fields %s the file', async (_, parts) => {
    await using service = await start(readUpload)
    const reply = await service.app.inject({ method: 'POST', url: datasets, ...form(parts) })
    expect(reply.json().data).toEqual({ filename: 'day_01.csv', text: 'a,b\n1,2\n' })
    expect(service.asked[0]?.input).toEqual({ name: 'days' })
  })

  it('may be the body itself, with the fields in the query', async () => {
    await using service = await start(readUpload)
    const send = (url: string, type: string) =>
      service.app.inject({ method: 'POST', url, payload: 'a,b\n1,2\n', headers: { 'content-type': type } })
    for (const type of ['text/csv', 'text/csv; charset=utf-8', 'application/x-ndjson', 'application/jsonl']) {
      const reply = await send(`${datasets}?name=days`, type)
      expect([reply.statusCode, reply.json().data]).toEqual([201, { filename: 'upload', text: 'a,b\n1,2\n' }])
      expect(service.asked.at(-1)?.input).toEqual({ name: 'days' })
    }
    expect((await send(versions, 'text/csv')).statusCode).toBe(415)
  })

  it('that is the body itself and too large, or compressed on the way, is refused', async () => {
    await using service = await start(readUpload, { maxUploadBytes: 1000 })
    const send = (headers: Record<string, string>, payload: string) =>
      service.app.inject({
        method: 'POST',
        url: datasets,
        payload,
        headers: { 'content-type': 'text/csv', ...headers },
      })
    expect((await send({}, 'x'.repeat(1001))).statusCode).toBe(413)
    expect((await send({ 'content-encoding': 'gzip' }, 'x')).statusCode).toBe(415)
    expect((await send({}, 'x'.repeat(1000))).statusCode).toBe(201)
  })

  it('reads objects and lists from JSON text, and leaves text alone', async () => {
    await using service = await start(readUpload)
    const parts = [
      { name: 'labels', value: '["no","yes"]' },
      { name: 'metrics', value: '{"f1":0.9}' },
      { name: 'version', value: '1.2.0' },
    ]
    await service.app.inject({ method: 'POST', url: versions, ...form([...parts, file]) })
    expect(service.asked[0]?.input).toEqual({
      model_id: 'm',
      labels: ['no', 'yes'],
      metrics: { f1: 0.9 },
      version: '1.2.0',
    })
  })

  it('keeps only the last part of a path and every letter of a name', async () => {
    await using service = await start(readUpload)
    const send = (filename: string) =>
      service.app.inject({ method: 'POST', url: datasets, ...form([{ ...file, filename }]) })
    expect((await send('../../etc/täg.csv')).json().data.filename).toBe('täg.csv')
  })

  it('may also be JSON where the operation takes rows', async () => {
    await using service = await start(readUpload)
    await service.app.inject({ method: 'POST', url: datasets, payload: { name: 'x', rows: [{ a: 1 }] } })
    expect(service.asked[0]).toMatchObject({ input: { name: 'x', rows: [{ a: 1 }] }, call: { upload: undefined } })
  })

  it('that its operation does not read is thrown away', async () => {
    await using service = await start(() => ({}))
    const big = { ...file, value: 'x'.repeat(3_000_000) }
    expect((await service.app.inject({ method: 'POST', url: datasets, ...form([big]) })).statusCode).toBe(201)
  })

  it('of an operation that fails is thrown away too', async () => {
    await using service = await start(() => Promise.reject(new Error('no')))
    expect((await service.app.inject({ method: 'POST', url: datasets, ...form([file]) })).statusCode).toBe(500)
  })
})

describe('a broken form', () => {
  const cases: [string, string, ReturnType<typeof form>, number, string][] = [
    ['without a file', versions, form([{ name: 'version', value: '1.0.0' }]), 422, 'file'],
    ['with two files', datasets, form([file, file]), 422, 'file'],
    ['with a file in another field', datasets, form([{ ...file, name: 'data' }]), 422, 'data'],
    ['with a file that is text', datasets, form([{ name: 'file', value: 'a,b' }]), 422, 'file'],
    ['with a file without a name', datasets, form([{ ...file, filename: '' }]), 422, 'file'],
    ['with a field given twice', datasets, form([name, name, file]), 422, 'name'],
    ['with broken JSON', versions, form([{ name: 'metrics', value: '{' }, file]), 422, 'metrics'],
    ['that ends too early', datasets, form([name, file], ''), 400, 'MALFORMED_MULTIPART'],
    [
      'cut off in its file',
      datasets,
      { ...form([]), payload: form([file]).payload.slice(0, -9) },
      400,
      'MALFORMED_MULTIPART',
    ],
    [
      'without a boundary',
      datasets,
      { ...form([file]), headers: { 'content-type': 'multipart/form-data' } },
      400,
      'MALFORMED_MULTIPART',
    ],
    ['reaching for a prototype', datasets, form([{ name: '__proto__', value: 'x' }, file]), 400, 'MALFORMED_MULTIPART'],
  ]
  it.each(cases)('%s is refused', async (_, url, body, status, place) => {
    await using service = await start(readUpload)
    const reply = await service.app.inject({ method: 'POST', url, ...body })
    expect(reply.statusCode).toBe(status)
    const document = reply.json()
    expect(status === 422 ? document.details.errors[0].field : document.error_code).toBe(place)
    expect(service.asked).toEqual([])
    expect(service.errors).toEqual([])
  })

  it('that is JSON where only a file will do is 415', async () => {
    await using service = await start(readUpload)
    expect((await service.app.inject({ method: 'POST', url: versions, payload: {} })).statusCode).toBe(415)
  })

  it('with fields that are too large together is refused, whatever each of them is', async () => {
    await using service = await start(readUpload, { maxBodyBytes: 10_000 })
    const send = (count: number) => {
      const fields = Array.from({ length: count }, (_, i) => ({ name: `f${i}`, value: 'x'.repeat(900) }))
      return service.app.inject({ method: 'POST', url: datasets, ...form([...fields, file]) })
    }
    expect((await send(11)).statusCode).toBe(201)
    expect((await send(12)).json()).toMatchObject({ error_code: 'TOO_LARGE', details: { max_bytes: 10_000 } })
  })

  it('with an endless number of fields is refused', async () => {
    await using service = await start(readUpload)
    const fields = Array.from({ length: 500 }, (_, i) => ({ name: `f${i}`, value: 'x' }))
    expect((await service.app.inject({ method: 'POST', url: datasets, ...form(fields) })).statusCode).toBe(413)
  })
})

describe('a large upload', () => {
  const begin = async (address: string, url = datasets): Promise<ClientRequest> => {
    const request = httpRequest(address + url, { method: 'POST', headers: form([]).headers })
    request.on('error', () => {})
    request.write('--b\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n')
    return request
  }
  const pour = async (request: ClientRequest, megabytes: number): Promise<void> => {
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    for (let i = 0; i < megabytes && !request.destroyed; i++) {
      await new Promise((resolve) => request.write(chunk, resolve))
    }
  }

  it('does not pass through memory', async () => {
    let size = 0
    await using service = await start(async ({ call }) => {
      for await (const chunk of call.upload!.stream) size += chunk.length
      return {}
    })
    const request = await begin(await service.listen())
    const answered = once(request, 'response')
    const before = process.memoryUsage().rss
    let peak = 0
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss - before)
    }, 10)
    await pour(request, 300)
    request.end('\r\n--b--\r\n')
    const [reply] = (await answered) as [IncomingMessage]
    clearInterval(watch)
    expect(reply.resume().statusCode).toBe(201)
    expect(size).toBe(300 * 1024 * 1024)
    expect(peak).toBeLessThan(150 * 1024 * 1024)
  })

  it('over the limit is 413, which the client can read', async () => {
    await using service = await start(readUpload, { maxUploadBytes: 2_000_000 })
    const request = await begin(await service.listen())
    const answered = once(request, 'response')
    await pour(request, 20)
    request.end('\r\n--b--\r\n')
    const [reply] = (await answered) as [IncomingMessage]
    expect(reply.statusCode).toBe(413)
    expect(JSON.parse((await buffer(reply)).toString()).error).toBe('The file is larger than 2000000 bytes')
    expect(service.asked).toEqual([])
  })

  it('that says beforehand it is over the limit is not read at all', async () => {
    await using service = await start(readUpload, { maxUploadBytes: 1000, maxBodyBytes: 1000 })
    const reply = await fetch((await service.listen()) + datasets, {
      method: 'POST',
      body: form([{ ...file, value: 'x'.repeat(5_000_000) }]).payload,
      headers: form([]).headers,
    })
    expect(reply.status).toBe(413)
  })

  it('that breaks off leaves nothing behind and asks nothing', async () => {
    await using service = await start(readUpload)
    const address = await service.listen()
    const request = await begin(address)
    await pour(request, 3)
    request.destroy()
    expect((await fetch(`${address}/health`)).status).toBe(200)
    expect(service.asked.map((one) => one.name)).toEqual(['health'])
    expect(service.errors).toEqual([])
  })

  it('is not read from a caller who may not ask', async () => {
    await using service = await start(readUpload)
    const headers = { ...form([]).headers, 'x-tenant-id': 'nobody' }
    const reply = await service.app.inject({ method: 'POST', url: datasets, headers, payload: 'not even a form' })
    expect(reply.statusCode).toBe(401)
  })
})
