// What a broken or hostile client of the Open Inference Protocol is told, and that nobody else notices.
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aTensorModel, identityModel } from './models.ts'

let app: TestApp
let port: number

beforeAll(async () => {
  app = await startApp()
  await aTensorModel(app.client, { name: 'half', file: identityModel('float16', ['N']) })
  await aTensorModel(app.client, { name: 'vector', file: identityModel('float32', ['N', 2]) })
  await aTensorModel(app.client, { name: 'long', file: identityModel('int64', ['N']) })
  port = Number(new URL(await app.app.listen({ host: '127.0.0.1', port: 0 })).port)
}, 60_000)
afterAll(() => app.stop())

const URL_PATH = '/v2/models/vector/infer'

function post(payload: string | Buffer, headers: Record<string, string> = {}, url = URL_PATH) {
  return app.app.http.inject({ method: 'POST', url, payload: Buffer.from(payload), headers })
}

const request = (input: object, more: object = {}) =>
  JSON.stringify({ inputs: [{ name: 'INPUT0', shape: [1, 2], datatype: 'FP32', data: [1, 2], ...input }], ...more })

const twice = JSON.parse(request({})).inputs[0] as object

describe('a request that is wrong', () => {
  it.each<[string, string, string]>([
    ['no JSON', '{"inputs": [', 'is not JSON'],
    ['no object', '[]', 'a JSON object'],
    ['no inputs', '{}', 'needs "inputs"'],
    ['inputs without a name', '{"inputs":[{}]}', '"name"'],
    [
      'nested 10,000 deep',
      request({ data: '@' }).replace('"@"', `${'['.repeat(10_000)}${']'.repeat(10_000)}`),
      'nested',
    ],
    [
      'INT64 nested 10,000 deep around a number that JSON rounds',
      request({ datatype: 'INT64', data: '@' }).replace(
        '"@"',
        `${'['.repeat(10_000)}${2n ** 60n}${']'.repeat(10_000)}`,
      ),
      'nested more than 1000 levels deep',
    ],
    ['an unknown datatype', request({ datatype: 'FP99' }), 'known are BOOL'],
    ['BF16', request({ datatype: 'BF16' }), 'BF16'],
    ['another datatype than the model takes', request({ datatype: 'INT32' }), 'must be float32, not int32'],
    ['a negative dimension', request({ shape: [-1, 2] }), 'must be a whole number, 0 or more'],
    ['a shape that overflows', request({ shape: [2 ** 31, 2 ** 31] }), 'more than 2147483648 elements'],
    [
      'a dimension that overflows, of no elements',
      request({ shape: [2 ** 32, 0], data: [] }),
      'a dimension is at most 2147483647',
    ],
    ['no shape', request({ shape: 2 }), 'needs a "shape"'],
    ['another shape than the model takes', request({ shape: [2, 1] }), 'must have the shape [?, 2], not [2, 1]'],
    ['too few values', request({ data: [1] }), 'has 1 values; its shape [1, 2] holds 2'],
    ['no values', request({ data: undefined }), 'needs "data"'],
    ['ragged values', request({ data: [[1], [2, 3]] }), 'nested unevenly'],
    ['values of another type', request({ data: [1, 'x'] }), 'must hold a number at element 1, not "x"'],
    ['an input twice', request({}, { inputs: [twice, twice] }), 'is given twice'],
    ['an unknown input', request({ name: 'nothing' }), 'is not an input of the model'],
    ['an output twice', request({}, { outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT0' }] }), 'asked for twice'],
    ['an unknown output', request({}, { outputs: [{ name: 'nothing' }] }), 'is not an output'],
    [
      'binary data that is not there',
      request({ data: undefined, parameters: { binary_data_size: 8 } }),
      'only 0 are left',
    ],
    ['both kinds of data', request({ parameters: { binary_data_size: 8 } }), 'both "data" and binary data'],
    ['parameters that are no object', request({}, { parameters: [] }), 'must be an object'],
    ['a nested parameter', request({}, { parameters: { a: {} } }), 'Parameter "a"'],
    ['a timeout in words', request({}, { parameters: { timeout: 'soon' } }), 'Parameter "timeout"'],
    ['an id that is a number', request({}, { id: 7 }), '"id" must be a string'],
  ])('%s: is 400 and says so', async (_what, body, message) => {
    const reply = await post(body)
    expect([reply.statusCode, Object.keys(reply.json())]).toEqual([400, ['error']])
    expect(reply.json().error).toContain(message)
  })

  it.each([
    ['a fraction', '[1.5]'],
    ['too large a number', '[9223372036854775808]'],
    ['a number whose digits are lost', '[1e30]'],
  ])('%s for INT64 is refused rather than rounded', async (_what, data) => {
    const body = `{"inputs":[{"name":"INPUT0","shape":[1],"datatype":"INT64","data":${data}}]}`
    const reply = await post(body, {}, '/v2/models/long/infer')
    expect([reply.statusCode, reply.json().error]).toEqual([400, expect.stringContaining('a whole number that INT64')])
  })

  it('FP16 as JSON is 400 on its way in and on its way out', async () => {
    const input = { name: 'INPUT0', shape: [1], datatype: 'FP16' }
    const asJson = await post(JSON.stringify({ inputs: [{ ...input, data: [1] }] }), {}, '/v2/models/half/infer')
    expect([asJson.statusCode, asJson.json().error]).toEqual([400, expect.stringContaining('Input "INPUT0" is FP16')])
    const json = Buffer.from(JSON.stringify({ inputs: [{ ...input, parameters: { binary_data_size: 2 } }] }))
    const headers = { 'inference-header-content-length': String(json.length) }
    const asBytes = await post(Buffer.concat([json, Buffer.alloc(2)]), headers, '/v2/models/half/infer')
    expect([asBytes.statusCode, asBytes.json().error]).toEqual([
      400,
      expect.stringContaining('Output "OUTPUT0" is FP16'),
    ])
  })

  const LENGTHS = ['-1', '1e3', 'all', '999999', '9'.repeat(30), '1.5', 'Infinity', '-1e999']
  it.each(LENGTHS)('a header length of %s is 400, also before a body that is aligned by it', async (length) => {
    for (const body of [request({}), request({}) + ' '.repeat(100_000)]) {
      const reply = await post(body, { 'inference-header-content-length': length })
      expect([reply.statusCode, reply.json().error]).toEqual([400, expect.any(String)])
    }
  })

  it('bytes that nobody claims are 400', async () => {
    const json = Buffer.from(request({}))
    const reply = await post(Buffer.concat([json, Buffer.alloc(3)]), {
      'inference-header-content-length': String(json.length),
    })
    expect(reply.json().error).toContain('3 bytes of binary data that no input claims')
  })

  it('an unknown model, version or route is 404, another method 405', async () => {
    for (const url of ['/v2/models/nothing/infer', '/v2/models/vector/versions/9.9.9/infer', '/v2/nothing']) {
      const reply = await post(request({}), {}, url)
      expect([reply.statusCode, Object.keys(reply.json())]).toEqual([404, ['error']])
    }
    expect((await app.app.http.inject(URL_PATH)).statusCode).toBe(405)
  })

  it('no body is 400', async () => {
    expect((await app.app.http.inject({ method: 'POST', url: URL_PATH })).statusCode).toBe(400)
  })

  it('compressed nonsense is 400', async () => {
    expect((await post('not gzip', { 'content-encoding': 'gzip' })).statusCode).toBe(400)
  })
})

describe('a connection that misbehaves', () => {
  /** Writes, and gives what came back when the other side is done. */
  const exchange = (text: string, after: (socket: ReturnType<typeof connect>) => void) =>
    new Promise<string>((resolve) => {
      let found = ''
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(text)
        after(socket)
      })
      socket.on('data', (chunk) => {
        found += chunk
      })
      socket.on('error', () => resolve(found))
      socket.on('close', () => resolve(found))
    })
  const head = (length: number, more = '') =>
    `POST ${URL_PATH} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${length}\r\n${more}\r\n`

  it('ends when it closes its own half, and others go on', async () => {
    const body = request({})
    const replies = await Promise.all([
      exchange(head(body.length) + body, (socket) => socket.end()),
      exchange(head(body.length) + body.slice(0, 10), (socket) => socket.end()),
      exchange(head(body.length) + body, () => {}),
    ])
    expect(replies[2]).toContain('"data":[1,2]')
  })

  it('ends when it breaks off in the middle of a body, and others go on', async () => {
    await exchange(`${head(1000)}{"inputs"`, (socket) => socket.destroy())
    expect((await post(request({}))).statusCode).toBe(200)
  })

  it('is refused before it sends more than is taken', async () => {
    const reply = await exchange(head(2 ** 40), () => {})
    expect(reply).toMatch(/^HTTP\/1.1 413 [\s\S]*\{"error":"The request body is larger than 268435456 bytes"\}$/)
  })
})
