// The gRPC face, called by a client that knows nothing of our reading and writing by hand: the library's own, made from the
// published .proto.
import { join } from 'node:path'
import { Client, credentials, loadPackageDefinition, Metadata, status } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aTensorModel, echoOfAll, identityModel, simpleModel } from './models.ts'

const PROTO = join(import.meta.dirname, '../../src/grpc/open_inference.proto')
const HEALTH = join(import.meta.dirname, '../../node_modules/grpc-health-check/proto/health/v1/health.proto')

interface Answer {
  // Messages of many kinds, looked at by the tests alone.
  readonly [field: string]: never
}
type Unary = (request: object, metadata: Metadata, done: (error: Error | null, value: Answer) => void) => void
interface Stream {
  write(request: object): void
  end(): void
  on(event: 'data', listener: (value: Answer) => void): void
  on(event: 'end' | 'error', listener: (error?: Error) => void): void
}
type ServiceClient = Client & Record<string, Unary> & { ModelStreamInfer(): Stream }

let app: TestApp
let client: ServiceClient
let address: string

beforeAll(async () => {
  app = await startApp({ config: { grpcPort: 0 } })
  await aTensorModel(app.client, { name: 'simple', file: simpleModel() })
  await aTensorModel(app.client, { name: 'echo', file: echoOfAll() })
  await aTensorModel(app.client, { name: 'half', file: identityModel('float16', ['N']) })
  await aTensorModel(app.client, { name: 'text', file: identityModel('string', ['N']) })
  await aTensorModel(app.client, { name: 'big', file: identityModel('float32', ['N']) })
  await app.app.listen({ host: '127.0.0.1', port: 0 })
  address = `127.0.0.1:${app.app.grpcPort()}`
  client = clientOf(PROTO, 'inference', 'GRPCInferenceService')
}, 60_000)
afterAll(async () => {
  client.close()
  await app.stop()
})

function clientOf(proto: string, ...path: string[]): ServiceClient {
  const loaded: unknown = loadPackageDefinition(loadSync(proto, { keepCase: true, longs: String, oneofs: true }))
  const Service = path.reduce((at: unknown, name) => (at as Record<string, unknown>)[name], loaded) as new (
    ...args: unknown[]
  ) => ServiceClient
  const limits = { 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 }
  return new Service(address, credentials.createInsecure(), limits)
}

function ask(method: string, request: object = {}, headers: Record<string, string> = {}, from = client) {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value)
  return new Promise<Record<string, unknown>>((resolve, reject) => {
    from[method]!(request, metadata, (error, value) => (error ? reject(error) : resolve(value)))
  })
}

const A = Int32Array.from({ length: 16 }, (_, i) => i)
const B = new Int32Array(16).fill(1)
const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView) => Buffer.from(buffer, byteOffset, byteLength)
const input = (name: string, datatype = 'INT32', shape: number[] = [1, 16]) => ({ name, datatype, shape })
const SUM = [...A].map((value) => value + 1)

describe('inference', () => {
  it('takes and answers raw contents, which is what Triton’s client sends', async () => {
    const request = {
      model_name: 'simple',
      id: '1',
      inputs: [input('INPUT0'), input('INPUT1')],
      outputs: [{ name: 'OUTPUT1' }, { name: 'OUTPUT0' }],
      raw_input_contents: [bytesOf(A), bytesOf(B)],
    }
    const reply = await ask('ModelInfer', request)
    expect(reply).toMatchObject({ model_name: 'simple', model_version: '1.0.0', id: '1' })
    expect(reply.outputs).toEqual([
      expect.objectContaining({ name: 'OUTPUT1', datatype: 'INT32', shape: ['1', '16'] }),
      expect.objectContaining({ name: 'OUTPUT0' }),
    ])
    const [, sum] = reply.raw_output_contents as Buffer[]
    expect([...new Int32Array(new Uint8Array(sum!).buffer)]).toEqual(SUM)
  })

  it('answers typed contents with typed contents, for every type that has a list', async () => {
    const of = (name: string, datatype: string, contents: object) => ({ ...input(name, datatype, [1, 2]), contents })
    const inputs = [
      of('float32_in', 'FP32', { fp32_contents: [0.5, -1] }),
      of('float64_in', 'FP64', { fp64_contents: [0.1, 1e300] }),
      of('int64_in', 'INT64', { int64_contents: ['9007199254740993', '-9223372036854775808'] }),
      of('int32_in', 'INT32', { int_contents: [2 ** 31 - 1, -(2 ** 31)] }),
      of('bool_in', 'BOOL', { bool_contents: [true, false] }),
      of('string_in', 'BYTES', { bytes_contents: [Buffer.from('ä'), Buffer.from('')] }),
    ]
    const reply = await ask('ModelInfer', { model_name: 'echo', inputs })
    expect(reply.raw_output_contents ?? []).toEqual([])
    const outputs = reply.outputs as { name: string; contents: unknown }[]
    for (const { name, contents } of inputs) {
      const found = outputs.find((output) => output.name === name.replace('_in', '_out'))
      expect(found?.contents).toMatchObject(contents)
    }
  })

  it('takes a message far beyond the 4 MB that gRPC allows by itself', async () => {
    const values = new Float32Array(4 * 2 ** 20).fill(0.25)
    const request = {
      model_name: 'big',
      inputs: [input('INPUT0', 'FP32', [values.length])],
      raw_input_contents: [bytesOf(values)],
    }
    const [raw] = (await ask('ModelInfer', request)).raw_output_contents as Buffer[]
    expect(raw!.equals(bytesOf(values))).toBe(true)
  })

  it('carries FP16 raw, whatever form the request had', async () => {
    const half = Uint16Array.of(0x3c00, 0xc000)
    const inputs = [input('INPUT0', 'FP16', [2])]
    const reply = await ask('ModelInfer', { model_name: 'half', inputs, raw_input_contents: [bytesOf(half)] })
    expect((reply.raw_output_contents as Buffer[])[0]).toEqual(bytesOf(half))
  })

  it('carries texts raw, each behind its length', async () => {
    const raw = Buffer.from([2, 0, 0, 0, 0xc3, 0xa4, 0, 0, 0, 0])
    const inputs = [input('INPUT0', 'BYTES', [2])]
    const reply = await ask('ModelInfer', { model_name: 'text', inputs, raw_input_contents: [raw] })
    expect((reply.raw_output_contents as Buffer[])[0]).toEqual(raw)
  })

  it('ranks an output by the classification parameter', async () => {
    const values = Float32Array.of(0.1, 0.7, 0.2)
    const request = {
      model_name: 'big',
      inputs: [input('INPUT0', 'FP32', [3])],
      outputs: [{ name: 'OUTPUT0', parameters: { classification: { int64_param: 2 } } }],
      raw_input_contents: [bytesOf(values)],
    }
    const [raw] = (await ask('ModelInfer', request)).raw_output_contents as Buffer[]
    expect(raw!.subarray(4, 14).toString()).toBe('0.700000:1')
  })
})

describe('a call that is wrong', () => {
  const raw = [bytesOf(A), bytesOf(B)]
  const inputs = [input('INPUT0'), input('INPUT1')]
  const contents = { int_contents: [...A] }
  it.each<[string, object, number, string]>([
    ['an unknown model', { model_name: 'nothing', inputs, raw_input_contents: raw }, status.NOT_FOUND, 'No model'],
    ['an unknown version', { model_name: 'simple', model_version: '9.9.9', inputs }, status.INVALID_ARGUMENT, 'INPUT0'],
    ['too few raw contents', { inputs, raw_input_contents: [raw[0]] }, status.INVALID_ARGUMENT, '2 inputs but 1'],
    [
      'raw and typed contents together',
      { inputs: [{ ...input('INPUT0'), contents }, input('INPUT1')], raw_input_contents: raw },
      status.INVALID_ARGUMENT,
      'must not be specified together',
    ],
    [
      'bytes that do not fit the shape',
      { inputs: [input('INPUT0', 'INT32', [1, 17]), input('INPUT1')], raw_input_contents: raw },
      status.INVALID_ARGUMENT,
      '68 belong to 17 elements',
    ],
    [
      'a negative dimension',
      { inputs: [input('INPUT0', 'INT32', [-1, 16]), input('INPUT1')], raw_input_contents: raw },
      status.INVALID_ARGUMENT,
      '[-1, 16]',
    ],
    [
      'the list of another type',
      { inputs: [{ ...input('INPUT0'), contents: { fp32_contents: [1] } }] },
      status.INVALID_ARGUMENT,
      'int_contents, not fp32_contents',
    ],
    [
      'an output twice',
      { inputs, outputs: [{ name: 'OUTPUT0' }, { name: 'OUTPUT0' }], raw_input_contents: raw },
      status.INVALID_ARGUMENT,
      'twice',
    ],
  ])('%s: has its status and says why', async (_what, request, code, message) => {
    await expect(ask('ModelInfer', { model_name: 'simple', ...request })).rejects.toMatchObject({
      code,
      details: expect.stringContaining(message),
    })
  })

  it('has the error code and the request id in its trailer', async () => {
    const failure = (await ask('ModelReady', { name: 'nothing' }, { 'x-request-id': 'mine' }).catch(
      (e: unknown) => e,
    )) as {
      metadata: Metadata
    }
    expect(failure.metadata.get('error-code')).toEqual(['MODEL_NOT_FOUND'])
    expect(failure.metadata.get('x-request-id')).toEqual(['mine'])
  })

  it('sees only the models of its tenant', async () => {
    await expect(ask('ModelMetadata', { name: 'simple' }, { 'x-tenant-id': 'other' })).rejects.toMatchObject({
      code: status.NOT_FOUND,
    })
    await expect(ask('ModelReady', { name: 'simple' }, { 'x-tenant-id': 'a b' })).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
    })
  })

  it('of shared memory is unimplemented', async () => {
    const bare = new Client(address, credentials.createInsecure())
    const path = '/inference.GRPCInferenceService/SystemSharedMemoryStatus'
    const asIs = (bytes: Buffer) => bytes
    const failure = new Promise((_, reject) =>
      bare.makeUnaryRequest(path, asIs, asIs, Buffer.alloc(0), (error) => reject(error as Error)),
    )
    await expect(failure).rejects.toMatchObject({ code: status.UNIMPLEMENTED })
    bare.close()
  })

  it('with a tensor in shared memory is unimplemented', async () => {
    const parameters = { shared_memory_region: { string_param: 'mine' } }
    const there = { ...input('INPUT0'), parameters }
    for (const asked of [
      { inputs: [there, input('INPUT1')], raw_input_contents: [raw[1]] },
      { inputs, raw_input_contents: raw, outputs: [{ name: 'OUTPUT0', parameters }] },
    ]) {
      await expect(ask('ModelInfer', { model_name: 'simple', ...asked })).rejects.toMatchObject({
        code: status.UNIMPLEMENTED,
      })
    }
  })

  it('with bytes that are no message does no harm', async () => {
    const bare = new Client(address, credentials.createInsecure())
    const asIs = (bytes: Buffer) => bytes
    for (const bytes of [Buffer.alloc(40, 255), Buffer.from([0x2a, 0x7f]), Buffer.from([0x0a])]) {
      const failure = new Promise((_, reject) =>
        bare.makeUnaryRequest('/inference.GRPCInferenceService/ModelInfer', asIs, asIs, bytes, (e) =>
          reject(e as Error),
        ),
      )
      await expect(failure).rejects.toMatchObject({ code: status.INVALID_ARGUMENT })
    }
    bare.close()
  })
})

describe('a stream', () => {
  it('answers every request in its order, the failed ones too', async () => {
    const stream = client.ModelStreamInfer()
    const replies: Record<string, { id: string } & Record<string, unknown>>[] = []
    const ended = new Promise<void>((resolve, reject) => {
      stream.on('data', (value) => replies.push(value as never))
      stream.on('end', () => resolve())
      stream.on('error', (error) => reject(error!))
    })
    const count = 150
    for (let i = 0; i < count; i++) {
      const values = Float32Array.of(i)
      stream.write({
        model_name: i % 10 === 3 ? 'nothing' : 'big',
        id: String(i),
        inputs: [input('INPUT0', 'FP32', [1])],
        raw_input_contents: [bytesOf(values)],
      })
    }
    stream.end()
    await ended
    expect(replies.map(({ infer_response }) => infer_response!.id)).toEqual(
      Array.from({ length: count }, (_, i) => String(i)),
    )
    expect(replies.filter(({ error_message }) => String(error_message ?? '') !== '')).toHaveLength(count / 10)
    const [raw] = replies[149]!.infer_response!.raw_output_contents as Buffer[]
    expect(raw!.readFloatLE(0)).toBe(149)
  })
})

describe('a service that answers a wrong call', () => {
  const alive = async () => expect(await ask('ServerLive')).toEqual({ live: true })

  it('goes on after a stream of nobody known on which nothing was asked', async () => {
    const bare = new Client(address, credentials.createInsecure())
    const asIs = (bytes: Buffer) => bytes
    const metadata = new Metadata()
    metadata.set('x-tenant-id', 'a b')
    const path = '/inference.GRPCInferenceService/ModelStreamInfer'
    const stream = bare.makeBidiStreamRequest(path, asIs, asIs, metadata)
    stream.on('error', () => {})
    await alive()
    stream.end()
    await new Promise((resolve) => stream.on('status', resolve).resume())
    bare.close()
    await alive()
  })

  it('says what is wrong also where a name is cut within a character', async () => {
    const datatype = `${'x'.repeat(39)}😀`
    await expect(
      ask('ModelInfer', { model_name: 'simple', inputs: [input('INPUT0', datatype)] }),
    ).rejects.toMatchObject({
      code: status.INVALID_ARGUMENT,
      details: expect.stringContaining('has the datatype "xxx'),
    })
    await alive()
  })
})

describe('what is there', () => {
  it('is told about server, model, configuration and statistics', async () => {
    expect(await ask('ServerLive')).toEqual({ live: true })
    expect(await ask('ServerReady')).toEqual({ ready: true })
    expect((await ask('ServerMetadata')).extensions).toContain('statistics')
    expect(await ask('ModelReady', { name: 'simple', version: '1.0.0' })).toEqual({ ready: true })
    expect(await ask('ModelMetadata', { name: 'simple' })).toMatchObject({
      versions: ['1.0.0'],
      inputs: [{ name: 'INPUT0', datatype: 'INT32', shape: ['-1', '16'] }, { name: 'INPUT1' }],
    })
    expect((await ask('ModelConfig', { name: 'simple' })).config).toMatchObject({
      name: 'simple',
      max_batch_size: 10_000,
      input: [{ name: 'INPUT0', data_type: 8, dims: ['16'] }, {}],
    })
    const { model_stats } = await ask('ModelStatistics', { name: 'simple' })
    expect(model_stats).toMatchObject([{ name: 'simple', version: '1.0.0' }])
    expect((await ask('TraceSetting')).settings).toMatchObject({ trace_level: { value: ['OFF'] } })
    expect((await ask('LogSettings')).settings).toMatchObject({ log_error: { bool_param: true } })
  })

  it('lists, unloads and loads models', async () => {
    await ask('RepositoryModelUnload', { model_name: 'half' })
    expect(await ask('ModelReady', { name: 'half' })).not.toMatchObject({ ready: true })
    const { models } = await ask('RepositoryIndex', {})
    expect(models).toContainEqual(expect.objectContaining({ name: 'half', state: 'UNAVAILABLE', reason: 'unloaded' }))
    await ask('RepositoryModelLoad', { model_name: 'half' })
    expect(await ask('ModelReady', { name: 'half' })).toEqual({ ready: true })
    const config = { model_name: 'half', parameters: { config: { string_param: '{}' } } }
    await expect(ask('RepositoryModelLoad', config)).rejects.toMatchObject({ code: status.UNIMPLEMENTED })
  })

  it('is healthy by the usual service, and reflects itself', async () => {
    const health = clientOf(HEALTH, 'grpc', 'health', 'v1', 'Health')
    expect(await ask('check', { service: '' }, {}, health)).toMatchObject({ status: 1 })
    health.close()
    const bare = new Client(address, credentials.createInsecure())
    const asIs = (bytes: Buffer) => bytes
    const found = new Promise<string>((resolve, reject) => {
      const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
      const call = bare.makeBidiStreamRequest(path, asIs, asIs, new Metadata())
      call.on('data', (bytes: Buffer) => resolve(bytes.toString()))
      call.on('error', reject)
      call.write(Buffer.from([0x3a, 0x00])) // list_services: ''
    })
    expect(await found).toContain('inference.GRPCInferenceService')
    bare.close()
  })
})
