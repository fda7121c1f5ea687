// The Open Inference Protocol over HTTP, as its clients speak it: the requests are those that Triton's and MLServer's own
// clients put on the wire, down to missing types and empty bodies.
import { deflateSync, gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { aTensorModel, echoOfAll, identityModel, simpleModel } from './models.ts'

let app: TestApp

beforeAll(async () => {
  app = await startApp()
  await aTensorModel(app.client, { name: 'simple', file: simpleModel() })
  await aTensorModel(app.client, { name: 'simple_string', file: simpleModel('strings') })
  await aTensorModel(app.client, { name: 'simple_identity', file: identityModel('string') })
  await aTensorModel(app.client, { name: 'echo', file: echoOfAll() })
  await aTensorModel(app.client, {
    name: 'vector',
    file: identityModel('float32', ['N', 4]),
    labels: ['a', 'b', 'c', 'd'],
  })
  await aTensorModel(app.client, { name: 'twice', file: identityModel('float32', ['N', 4]), version: '1.0.0' })
  await aTensorModel(app.client, { name: 'twice', file: identityModel('int32', ['N', 4]), version: '2.0.0' })
}, 60_000)
afterAll(() => app.stop())

type Headers = Record<string, string>

/** As Triton's client posts: no Content-Type. */
function post(url: string, payload?: string | Buffer | object, headers: Headers = {}) {
  const body = typeof payload === 'object' && !Buffer.isBuffer(payload) ? JSON.stringify(payload) : payload
  return app.app.http.inject({
    method: 'POST',
    url,
    headers,
    ...(body !== undefined && { payload: Buffer.from(body) }),
  })
}

const get = (url: string, headers: Headers = {}) => app.app.http.inject({ method: 'GET', url, headers })

/** JSON followed by raw tensors, with the header that tells them apart. */
function binary(document: object, ...tensors: readonly ArrayBufferView[]): { payload: Buffer; headers: Headers } {
  const json = Buffer.from(JSON.stringify(document))
  const raw = tensors.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength))
  return {
    payload: Buffer.concat([json, ...raw]),
    headers: { 'inference-header-content-length': String(json.length) },
  }
}

/** The document and the bytes after it. */
function parts({ headers, rawPayload }: { headers: Record<string, unknown>; rawPayload: Buffer }) {
  const length = Number(headers['inference-header-content-length'])
  return {
    document: JSON.parse(rawPayload.subarray(0, length).toString()),
    raw: Buffer.from(rawPayload.subarray(length)),
  }
}

const A = Int32Array.from({ length: 16 }, (_, i) => i)
const B = new Int32Array(16).fill(1)
const int32 = (name: string, data: Int32Array) => ({ name, shape: [1, 16], datatype: 'INT32', data: [...data] })
const raw32 = (name: string) => ({ name, shape: [1, 16], datatype: 'INT32', parameters: { binary_data_size: 64 } })
const SUM = [...A].map((value) => value + 1)
const DIFFERENCE = [...A].map((value) => value - 1)

describe('the simple example of Triton', () => {
  it('answers JSON with JSON', async () => {
    const reply = await post('/v2/models/simple/infer', { id: '42', inputs: [int32('INPUT0', A), int32('INPUT1', B)] })
    expect(reply.statusCode).toBe(200)
    expect(reply.headers['content-type']).toContain('application/json')
    expect(reply.json()).toEqual({
      model_name: 'simple',
      model_version: '1.0.0',
      id: '42',
      outputs: [
        { name: 'OUTPUT0', datatype: 'INT32', shape: [1, 16], data: SUM },
        { name: 'OUTPUT1', datatype: 'INT32', shape: [1, 16], data: DIFFERENCE },
      ],
    })
  })

  it('takes and answers raw tensors, which is what its client does unless told otherwise', async () => {
    const { payload, headers } = binary(
      { inputs: [raw32('INPUT0'), raw32('INPUT1')], parameters: { binary_data_output: true } },
      A,
      B,
    )
    const reply = await post('/v2/models/simple/infer', payload, headers)
    expect(reply.statusCode).toBe(200)
    expect(reply.headers['content-type']).toBe('application/octet-stream')
    const { document, raw } = parts(reply)
    expect(document.outputs).toEqual([
      { name: 'OUTPUT0', datatype: 'INT32', shape: [1, 16], parameters: { binary_data_size: 64 } },
      { name: 'OUTPUT1', datatype: 'INT32', shape: [1, 16], parameters: { binary_data_size: 64 } },
    ])
    expect([...new Int32Array(raw.buffer, raw.byteOffset, 32)]).toEqual([...SUM, ...DIFFERENCE])
  })

  it('answers the outputs asked for, in their order, each in its own form', async () => {
    const { payload, headers } = binary(
      {
        inputs: [raw32('INPUT0'), int32('INPUT1', B)],
        outputs: [{ name: 'OUTPUT1', parameters: { binary_data: false } }, { name: 'OUTPUT0' }],
        parameters: { binary_data_output: true },
      },
      A,
    )
    const { document, raw } = parts(await post('/v2/models/simple/infer', payload, headers))
    expect(document.outputs[0]).toEqual({ name: 'OUTPUT1', datatype: 'INT32', shape: [1, 16], data: DIFFERENCE })
    expect(document.outputs[1]).toMatchObject({ name: 'OUTPUT0', parameters: { binary_data_size: 64 } })
    expect([...new Int32Array(raw.buffer, raw.byteOffset, 16)]).toEqual(SUM)
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
  ])('takes a %s body, whose header length is that of the plain JSON', async (encoding, compress) => {
    const { payload, headers } = binary({ inputs: [raw32('INPUT0'), raw32('INPUT1')] }, A, B)
    const reply = await post('/v2/models/simple/infer', compress(payload), { ...headers, 'content-encoding': encoding })
    expect(reply.json().outputs[0].data).toEqual(SUM)
  })

  it('compresses its reply when the client names one coding', async () => {
    const inputs = [int32('INPUT0', new Int32Array(16 * 100)), int32('INPUT1', new Int32Array(16 * 100))]
    const rows = inputs.map((input) => ({ ...input, shape: [100, 16] }))
    const reply = await post('/v2/models/simple/infer', { inputs: rows }, { 'accept-encoding': 'gzip' })
    expect(reply.headers['content-encoding']).toBe('gzip')
    expect(JSON.parse(gunzipSync(reply.rawPayload).toString()).outputs).toHaveLength(2)
  })

  it('ignores query parameters it does not know, and takes parameters of the user', async () => {
    const request = {
      inputs: [int32('INPUT0', A), int32('INPUT1', B)],
      parameters: { priority: 1, timeout: 5_000_000, mine: 'yes', sequence_id: 7 },
    }
    expect((await post('/v2/models/simple/infer?test_1=1&x=y', request)).statusCode).toBe(200)
  })

  it('takes null for what is not there, as clients send it that write whole objects', async () => {
    const whole = (name: string, data: Int32Array) => ({ ...int32(name, data), parameters: null })
    const nothing = { id: null, parameters: null, outputs: null }
    const asJson = await post('/v2/models/simple/infer', {
      inputs: [whole('INPUT0', A), whole('INPUT1', B)],
      ...nothing,
    })
    expect(asJson.json().outputs.map(({ data }: { data: unknown }) => data)).toEqual([SUM, DIFFERENCE])
    const outputs = [{ name: 'OUTPUT1', parameters: { binary_data: null } }]
    const inputs = ['INPUT0', 'INPUT1'].map((name) => ({ ...raw32(name), data: null }))
    const asBytes = binary({ ...nothing, inputs, outputs, parameters: { binary_data_output: null } }, A, B)
    const reply = await post('/v2/models/simple/infer', asBytes.payload, asBytes.headers)
    expect(reply.json().outputs).toMatchObject([{ name: 'OUTPUT1', data: DIFFERENCE }])
  })

  it('takes no rows and answers none', async () => {
    const input = { name: 'INPUT0', shape: [0, 4], datatype: 'FP32' }
    const none = [{ name: 'OUTPUT0', datatype: 'FP32', shape: [0, 4], data: [] }]
    expect((await post('/v2/models/vector/infer', { inputs: [{ ...input, data: [] }] })).json().outputs).toEqual(none)
    const { payload, headers } = binary({ inputs: [{ ...input, parameters: { binary_data_size: 0 } }] })
    expect((await post('/v2/models/vector/infer', payload, headers)).json().outputs).toEqual(none)
  })

  it('takes nested values, and percent-encoded names', async () => {
    const nested = [int32('INPUT0', A), int32('INPUT1', B)].map((input) => ({ ...input, data: [input.data] }))
    expect((await post('/v2/models/simpl%65/infer', { inputs: nested })).json().outputs[0].data).toEqual(SUM)
  })
})

describe('strings', () => {
  const texts = (name: string, values: readonly string[]) => ({ name, shape: [1, 16], datatype: 'BYTES', data: values })

  it('go through the string example as JSON', async () => {
    const inputs = [texts('INPUT0', [...A].map(String)), texts('INPUT1', [...B].map(String))]
    const { outputs } = (await post('/v2/models/simple_string/infer', { inputs })).json()
    expect(outputs[0]).toEqual({ name: 'OUTPUT0', datatype: 'BYTES', shape: [1, 16], data: SUM.map(String) })
  })

  it('go through as raw bytes, each behind its length', async () => {
    const values = ['', 'é', 'x'.repeat(300)]
    const bytes = Buffer.concat(
      values.map((value) => {
        const text = Buffer.from(value)
        const length = Buffer.alloc(4)
        length.writeUInt32LE(text.length)
        return Buffer.concat([length, text])
      }),
    )
    const input = {
      name: 'INPUT0',
      shape: [1, 3],
      datatype: 'BYTES',
      parameters: { binary_data_size: bytes.length },
    }
    const { payload, headers } = binary({ inputs: [input], parameters: { binary_data_output: true } }, bytes)
    const { document, raw } = parts(await post('/v2/models/simple_identity/infer', payload, headers))
    expect(document.outputs[0].parameters).toEqual({ binary_data_size: bytes.length })
    expect(raw.equals(bytes)).toBe(true)
  })
})

describe('values', () => {
  it('of every type keep all they had', async () => {
    const of = (name: string, datatype: string, data: unknown[]) => ({ name, datatype, shape: [1, data.length], data })
    const inputs = [
      of('float32_in', 'FP32', [0.5, -1]),
      of('float64_in', 'FP64', [0.1, 1e300]),
      of('int64_in', 'INT64', [1, -2]),
      of('int32_in', 'INT32', [2 ** 31 - 1, -(2 ** 31)]),
      of('bool_in', 'BOOL', [true, false]),
      of('string_in', 'BYTES', ['a"b', '\u0007ü']),
    ]
    const { outputs } = (await post('/v2/models/echo/infer', { inputs })).json()
    const answered = Object.fromEntries(outputs.map((o: { name: string; data: unknown }) => [o.name, o.data]))
    for (const { name, data } of inputs) expect(answered[name.replace('_in', '_out')]).toEqual(data)
  })

  it('beyond 2^53 keep their last digit', async () => {
    const rest = ['float32', 'float64', 'int32'].map(
      (type) =>
        `{"name":"${type}_in","datatype":"${{ float32: 'FP32', float64: 'FP64', int32: 'INT32' }[type]}","shape":[1,1],"data":[0]}`,
    )
    const text = `{"inputs":[${rest.join()},
      {"name":"bool_in","datatype":"BOOL","shape":[1,1],"data":[true]},
      {"name":"string_in","datatype":"BYTES","shape":[1,1],"data":["x"]},
      {"name":"int64_in","datatype":"INT64","shape":[1,2],"data":[[9007199254740993,-9223372036854775808]]}]}`
    const reply = await post('/v2/models/echo/infer', text)
    expect(reply.body).toContain('"data":[9007199254740993,-9223372036854775808]')
  })

  it('that are not numbers stay readable as JSON and exact as bytes', async () => {
    const input = { name: 'INPUT0', shape: [1, 4], datatype: 'FP32', parameters: { binary_data_size: 16 } }
    const values = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1)
    const asJson = binary({ inputs: [input] }, values)
    expect((await post('/v2/models/vector/infer', asJson.payload, asJson.headers)).json().outputs[0].data).toEqual([
      null,
      null,
      null,
      1,
    ])
    const asBytes = binary({ inputs: [input], parameters: { binary_data_output: true } }, values)
    const { raw } = parts(await post('/v2/models/vector/infer', asBytes.payload, asBytes.headers))
    expect([...new Float32Array(raw.buffer, raw.byteOffset, 4)]).toEqual([...values])
  })
})

describe('a raw request', () => {
  it('is the one input itself, and is answered in binary', async () => {
    const values = Float32Array.of(1, 2, 3, 4)
    const reply = await post('/v2/models/vector/infer', Buffer.from(values.buffer), {
      'inference-header-content-length': '0',
    })
    const { document, raw } = parts(reply)
    expect(document.outputs[0]).toMatchObject({ shape: [1, 4], parameters: { binary_data_size: 16 } })
    expect([...new Float32Array(raw.buffer, raw.byteOffset, 4)]).toEqual([1, 2, 3, 4])
  })

  it('carries a text as it is', async () => {
    const reply = await post('/v2/models/simple_identity/infer', Buffer.from('plain'), {
      'inference-header-content-length': '0',
    })
    expect(parts(reply).raw.subarray(4).toString()).toBe('plain')
  })

  it.each([
    ['bytes that are no text', Buffer.of(0x61, 0xff), 'not UTF-8'],
    ['a text that the engine would cut off', Buffer.from('a\0b'), 'U+0000'],
  ])('of %s is refused', async (_what, body, message) => {
    const reply = await post('/v2/models/simple_identity/infer', body, { 'inference-header-content-length': '0' })
    expect([reply.statusCode, reply.json().error]).toEqual([400, expect.stringContaining(message)])
  })

  it('is refused where the model has two inputs, or the bytes do not fit', async () => {
    const headers = { 'inference-header-content-length': '0' }
    expect((await post('/v2/models/simple/infer', Buffer.alloc(64), headers)).json().error).toContain('has 2 inputs')
    expect((await post('/v2/models/vector/infer', Buffer.alloc(15), headers)).statusCode).toBe(400)
  })
})

describe('classification', () => {
  const inputs = [{ name: 'INPUT0', shape: [2, 4], datatype: 'FP32', data: [0.1, 0.7, 0.2, 0, 1, 0, 3, 2] }]

  it('answers the highest with index and label', async () => {
    const outputs = [{ name: 'OUTPUT0', parameters: { classification: 2 } }]
    const reply = await post('/v2/models/vector/infer', { inputs, outputs })
    expect(reply.json().outputs).toEqual([
      {
        name: 'OUTPUT0',
        datatype: 'BYTES',
        shape: [2, 2],
        data: ['0.700000:1:b', '0.200000:2:c', '3.000000:2:c', '2.000000:3:d'],
      },
    ])
  })

  it('of nothing is refused', async () => {
    const outputs = [{ name: 'OUTPUT0', parameters: { classification: 0 } }]
    expect((await post('/v2/models/vector/infer', { inputs, outputs })).statusCode).toBe(400)
  })
})

describe('what is there', () => {
  it('is told about the server, with and without a slash', async () => {
    for (const url of ['/v2', '/v2/']) {
      const server = (await get(url)).json()
      expect(server).toMatchObject({ name: expect.any(String), version: expect.any(String) })
      expect(server.extensions).toContain('binary_tensor_data')
    }
  })

  it('is live and ready', async () => {
    expect((await get('/v2/health/live')).json()).toEqual({ live: true })
    expect((await get('/v2/health/ready')).json()).toEqual({ live: true, ready: true })
    expect((await get('/v2/models/simple/ready')).json()).toEqual({ name: 'simple', ready: true })
    expect((await get('/v2/models/simple/versions/1.0.0/ready')).json()).toEqual({ name: 'simple', ready: true })
  })

  it('is told about a model and each of its versions', async () => {
    const { name, versions, platform, inputs } = (await get('/v2/models/twice')).json()
    expect({ name, versions, platform }).toEqual({
      name: 'twice',
      versions: ['1.0.0', '2.0.0'],
      platform: 'onnxruntime_onnx',
    })
    expect(inputs).toEqual([{ name: 'INPUT0', datatype: 'INT32', shape: [-1, 4] }])
    const first = (await get('/v2/models/twice/versions/1.0.0')).json()
    expect(first.inputs).toEqual([{ name: 'INPUT0', datatype: 'FP32', shape: [-1, 4] }])
  })

  it('is told as a configuration, whose shapes leave the batch out', async () => {
    expect((await get('/v2/models/simple/config')).json()).toMatchObject({
      name: 'simple',
      max_batch_size: 10_000,
      input: [{ name: 'INPUT0', data_type: 'TYPE_INT32', dims: [16] }, { name: 'INPUT1' }],
      output: [{ name: 'OUTPUT0', data_type: 'TYPE_INT32', dims: [16] }, { name: 'OUTPUT1' }],
    })
  })

  it('answers with the version that is asked for, else with the one that is live', async () => {
    const input = (datatype: string) => ({ inputs: [{ name: 'INPUT0', shape: [1, 4], datatype, data: [1, 2, 3, 4] }] })
    expect((await post('/v2/models/twice/infer', input('INT32'))).json().model_version).toBe('2.0.0')
    const old = await post('/v2/models/twice/versions/1.0.0/infer', input('FP32'))
    expect(old.json()).toMatchObject({ model_version: '1.0.0', outputs: [{ datatype: 'FP32' }] })
  })

  it('counts requests, rows and time', async () => {
    await aTensorModel(app.client, { name: 'counted', file: identityModel('float32', ['N', 2]) })
    const inputs = [{ name: 'INPUT0', shape: [3, 2], datatype: 'FP32', data: [1, 2, 3, 4, 5, 6] }]
    await post('/v2/models/counted/infer', { inputs })
    await post('/v2/models/counted/infer', { inputs: [] })
    const { model_stats } = (await get('/v2/models/counted/stats')).json()
    expect(model_stats).toHaveLength(1)
    expect(model_stats[0]).toMatchObject({
      name: 'counted',
      version: '1.0.0',
      inference_count: 3,
      execution_count: 1,
      inference_stats: { success: { count: 1 }, fail: { count: 1 } },
      batch_stats: [{ batch_size: 3, compute_infer: { count: 1 } }],
    })
    expect(model_stats[0].inference_stats.compute_infer.ns).toBeGreaterThan(0)
    const { byte_size } = model_stats[0].memory_usage[0]
    expect(byte_size % identityModel('float32', ['N', 2]).byteLength).toBe(0)
    const all = (await get('/v2/models/stats')).json().model_stats.map(({ name }: { name: string }) => name)
    expect(all).toContain('counted')
    expect((await get('/v2/models/stats', { 'x-tenant-id': 'other' })).json().model_stats).toEqual([])
  })

  it('counts what came through other doors, and what needed no run', async () => {
    await anAddingModel(app.client, { name: 'doors' })
    await app.client.models.update({ model_id: 'doors', metadata: { cache: true } })
    for (const x of [1, 1, 2]) await app.client.models.predict({ model_id: 'doors', input_data: [x] })
    await app.client.predict_model({ model_id: 'doors', input_data: ['word'] }).catch(() => undefined)
    await post('/v1/models/doors:predict', { instances: [[4], [5]] })
    const [{ inference_count, inference_stats }] = (await get('/v2/models/doors/stats')).json().model_stats
    expect(inference_count).toBe(4)
    expect(inference_stats).toMatchObject({ success: { count: 5 }, fail: { count: 0 }, cache_hit: { count: 1 } })
  })

  it('belongs to its tenant', async () => {
    const other = { 'x-tenant-id': 'other' }
    expect((await get('/v2/models/simple', other)).statusCode).toBe(404)
    expect((await post('/v2/models/simple/infer', { inputs: [] }, other)).statusCode).toBe(404)
    expect((await post('/v2/repository/index', undefined, other)).json()).toEqual([])
  })
})

describe('the repository', () => {
  it('is listed without a body, and only what is ready on demand', async () => {
    const index = (await post('/v2/repository/index')).json()
    expect(index).toContainEqual({ name: 'simple', version: '1.0.0', state: 'READY', reason: '' })
    expect(index).toContainEqual(expect.objectContaining({ name: 'twice', version: '1.0.0', state: 'UNAVAILABLE' }))
    const ready = (await post('/v2/repository/index', { ready: true })).json()
    expect(ready.map(({ state }: { state: string }) => state)).not.toContain('UNAVAILABLE')
  })

  it('lets a model go and takes it back', async () => {
    await aTensorModel(app.client, { name: 'guest', file: identityModel('float32', ['N', 2]) })
    const inputs = [{ name: 'INPUT0', shape: [1, 2], datatype: 'FP32', data: [1, 2] }]
    const unload = await post('/v2/repository/models/guest/unload', { parameters: { unload_dependents: false } })
    expect([unload.statusCode, unload.body]).toEqual([200, ''])
    expect((await get('/v2/models/guest/ready')).statusCode).toBe(503)
    const refused = await post('/v2/models/guest/infer', { inputs })
    expect([refused.statusCode, Object.keys(refused.json())]).toEqual([503, ['error']])
    const index = (await post('/v2/repository/index')).json()
    expect(index).toContainEqual({ name: 'guest', version: '1.0.0', state: 'UNAVAILABLE', reason: 'unloaded' })
    expect((await post('/v2/repository/models/guest/load', {})).statusCode).toBe(200)
    expect((await post('/v2/models/guest/infer', { inputs })).statusCode).toBe(200)
  })

  it('takes no files through a load request', async () => {
    const reply = await post('/v2/repository/models/simple/load', { parameters: { config: '{}' } })
    expect([reply.statusCode, reply.json().error]).toEqual([501, expect.stringContaining('"config"')])
  })
})

describe('what is not offered', () => {
  it.each([
    '/v2/models/simple/generate',
    '/v2/models/simple/generate_stream',
    '/v2/systemsharedmemory/region/x/register',
    '/v2/logging',
    '/v2/trace/setting',
  ])('%s says so', async (url) => {
    const reply = await post(url, {})
    expect([reply.statusCode, Object.keys(reply.json())]).toEqual([501, ['error']])
  })

  it('is shared memory that a tensor is said to lie in or to be put into', async () => {
    const parameters = { shared_memory_region: 'mine', shared_memory_byte_size: 64 }
    const there = { name: 'INPUT0', shape: [1, 16], datatype: 'INT32', parameters }
    const inputs = [int32('INPUT0', A), int32('INPUT1', B)]
    for (const asked of [
      { inputs: [there, inputs[1]] },
      { inputs, outputs: [{ name: 'OUTPUT0', parameters }, { name: 'OUTPUT1' }] },
    ]) {
      const reply = await post('/v2/models/simple/infer', asked)
      expect([reply.statusCode, reply.json().error]).toEqual([501, expect.stringContaining('Shared memory')])
    }
  })

  it('shows its settings', async () => {
    expect((await get('/v2/trace/setting')).json().trace_level).toEqual(['OFF'])
    expect((await get('/v2/models/simple/trace/setting')).json().trace_level).toEqual(['OFF'])
    expect((await get('/v2/logging')).json().log_error).toBe(true)
  })
})
