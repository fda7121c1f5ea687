import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  BatchJobError,
  createClient,
  createMlService,
  createModelServer,
  defineModel,
  InferenceError,
  MlError,
  type MlService,
  ModelServingError,
  ServerError,
} from '../../src/index.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { withoutSettings } from '../helpers/settings.ts'
import { twoClassModel } from '../runtime-models.ts'

withoutSettings()

const folders: string[] = []
async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'modelyard-library-'))
  folders.push(folder)
  return folder
}
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

async function aService(more: Parameters<typeof createMlService>[0] = {}): Promise<MlService> {
  const configOverrides = { dataDir: await aFolder(), logLevel: 'silent', mlWorkers: 1, runWorker: false } as const
  const service = await createMlService({ ...more, configOverrides: { ...configOverrides, ...more.configOverrides } })
  await service.begun
  return service
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('a service inside a program', () => {
  let service: MlService
  const double = defineModel({
    name: 'double',
    input: Type.Object({ x: Type.Number() }),
    output: Type.Number(),
    predict: ({ x }) => 2 * x,
  })
  beforeAll(async () => {
    service = await aService({
      serviceName: 'inside',
      models: [double],
      setupRoutes: (app) => {
        app.get('/own', async () => ({ own: true }))
      },
    })
  })
  afterAll(() => service.close())

  it('is a Fastify instance, with routes of one’s own', async () => {
    expect((await service.app.inject('/own')).json()).toEqual({ own: true })
    expect((await service.app.inject('/health')).json()).toMatchObject({ status: 'healthy' })
  })

  it('listens, and says where', async () => {
    const url = await service.listen({ host: '127.0.0.1', port: 0 })
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect(await createClient({ baseUrl: url }).ready()).toMatchObject({ ready: true })
  })

  it('has a manager of each tenant’s models, with every operation', async () => {
    const one = service.modelManager('one')
    expect(one.tenantId).toBe('one')
    await anAddingModel(one.client, { amount: 1 })
    await anAddingModel(service.modelManager('two').client, { amount: 2 })
    expect((await one.client.models.list()).items.map(({ tenant_id }) => tenant_id)).toEqual(['one'])
    expect(await one.predict('adder', { x: 1 })).toMatchObject({ prediction: 2, version: '1.0.0' })
    expect(await service.modelManager('two').predict('adder', [1])).toMatchObject({ prediction: 3 })
    expect(await one.predict('double', { x: 4 })).toMatchObject({ prediction: 8 })
  })

  it('uploads and downloads through the manager, and follows events', async () => {
    const { client } = service.modelManager('one')
    const { id } = await client.datasets.create({ file: 'a,b\n1,2\n3,4\n', filename: 'x.csv' })
    expect((await client.datasets.rows({ dataset_id: id })).rows).toEqual([
      { a: 1, b: 2 },
      { a: 3, b: 4 },
    ])
    const { stream, size } = await client.versions.artifact({ model_id: 'adder', version: '1.0.0' })
    expect((await new Response(stream).arrayBuffer()).byteLength).toBe(size)
  })

  it('predicts with the version or environment asked for', async () => {
    const manager = service.modelManager('one')
    await anAddingModel(manager.client, { amount: 10, environment: 'staging' })
    expect(await manager.predict('adder', [1], { environment: 'staging' })).toMatchObject({
      prediction: 11,
      version: '1.1.0',
    })
    expect(await manager.predict('adder', [1], { version: '1.1.0' })).toMatchObject({ prediction: 11 })
    expect(await manager.predict('adder', [1])).toMatchObject({ prediction: 2 })
    expect(manager.liveVersion('adder')).toMatchObject({
      version: '1.0.0',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(manager.liveVersion('nobody')).toBeUndefined()
  })

  it('throws InferenceError for every prediction that fails, with kind and code', async () => {
    const manager = service.modelManager('one')
    const unknown = await failureOf(manager.predict('nobody', [1]))
    expect(unknown).toBeInstanceOf(InferenceError)
    expect(unknown).toMatchObject({ name: 'InferenceError', kind: 'not_found', code: 'MODEL_NOT_FOUND' })
    const wrong = await failureOf(manager.predict('adder', { x: 'y' }))
    expect(wrong).toBeInstanceOf(InferenceError)
    expect(wrong).toMatchObject({ kind: 'invalid', details: { errors: [{ field: 'input_data.x' }] } })
    expect(await failureOf(service.modelManager('a b').predict('adder', [1]))).toMatchObject({ code: 'TENANT_INVALID' })
  })

  it('may be closed twice', async () => {
    const other = await aService()
    await other.close()
    await other.close()
  })
})

describe('a service that cannot start', () => {
  it('throws ServerError that lists every bad setting', async () => {
    const error = await failureOf(createMlService({ configOverrides: { servicePort: -1, batchSize: 0 } }))
    expect(error).toBeInstanceOf(ServerError)
    expect(error).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringMatching(/SERVICE_PORT[\s\S]*BATCH_SIZE/),
    })
  })

  it('throws ServerError when the port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as { port: number }
    const service = await aService()
    expect(await failureOf(service.listen({ port }))).toBeInstanceOf(ServerError)
    await service.close()
    taken.close()
  })

  it('leaves the folder free for the next one once it is closed', async () => {
    const dataDir = await aFolder()
    for (let i = 0; i < 2; i++) await (await aService({ configOverrides: { dataDir } })).close()
  })
})

describe('the errors', () => {
  it('have one parent', () => {
    for (const Class of [ServerError, BatchJobError, InferenceError]) {
      const error = new Class('unavailable', 'AWAY', 'Away')
      expect(error).toBeInstanceOf(ModelServingError)
      expect(error).toBeInstanceOf(MlError)
      expect(error.name).toBe(Class.name)
    }
  })

  it('are made from any other, which becomes their cause', () => {
    const cause = new TypeError('x')
    const error = BatchJobError.from(cause)
    expect(error).toBeInstanceOf(BatchJobError)
    expect(error).toMatchObject({ kind: 'internal', message: 'x', cause })
    expect(InferenceError.from(error)).toBe(error)
  })
})

describe('a model server', () => {
  let service: MlService
  beforeAll(async () => {
    service = await aService()
    const { client } = service.modelManager('tenant_123')
    await anAddingModel(client)
    const { id: model_id } = await client.models.create({ name: 'binary', type: 'classification' })
    await client.versions.import({ model_id, file: twoClassModel(), trusted: true, labels: ['0', '1'] })
    await client.models.deploy({ model_id, version: '1.0.0' })
  })
  afterAll(() => service.close())

  const serverOf = (more: object = {}) =>
    createModelServer({ modelManager: service.modelManager('tenant_123'), port: 0, ...more })

  it('predicts, is healthy, and has routes of one’s own', async () => {
    const server = serverOf({ setupRoutes: (app: MlService['app']) => void app.get('/own', async () => 'mine') })
    const url = await server.start()
    const ask = async (path: string, body: unknown) => {
      const reply = await fetch(url + path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      })
      return { status: reply.status, body: (await reply.json()) as Record<string, unknown> }
    }
    expect(await ask('/predict/adder', { input_data: { x: 1 } })).toEqual({ status: 200, body: { prediction: 2 } })
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'healthy' })
    expect(await (await fetch(`${url}/own`)).text()).toBe('mine')
    expect(await ask('/predict/nobody', { input_data: [1] })).toMatchObject({
      status: 404,
      body: { success: false, error_code: 'MODEL_NOT_FOUND' },
    })
    expect(await ask('/predict/adder', {})).toMatchObject({
      status: 422,
      body: { details: { errors: [{ field: 'input_data' }] } },
    })
    expect(await ask('/predict/adder', { input_data: { x: 'y' } })).toMatchObject({ status: 422 })
    const broken = await fetch(`${url}/predict/adder`, {
      method: 'POST',
      body: '{',
      headers: { 'content-type': 'application/json' },
    })
    expect(broken.status).toBe(400)
    await server.stop()
  })

  it('keeps the request id of the asker, and refuses as the service does', async () => {
    const { app } = serverOf()
    const refusalOf = async (method: 'GET' | 'POST', url: string, type: string) => {
      const headers = { 'x-request-id': 'r-1', 'content-type': type }
      const {
        statusCode,
        headers: replied,
        body,
      } = await app.inject({ method, url, headers, payload: type === 'text/xml' ? '<a/>' : '{}' })
      return [statusCode, replied['x-request-id'], JSON.parse(body)]
    }
    const told = (error_code: string) => expect.objectContaining({ success: false, error_code, request_id: 'r-1' })
    expect(await refusalOf('POST', '/nowhere', 'application/json')).toEqual([404, 'r-1', told('ROUTE_NOT_FOUND')])
    expect(await refusalOf('GET', '/predict/adder', 'application/json')).toEqual([
      405,
      'r-1',
      told('METHOD_NOT_ALLOWED'),
    ])
    expect(await refusalOf('POST', '/predict/adder', 'text/xml')).toEqual([415, 'r-1', told('UNSUPPORTED_MEDIA_TYPE')])
    await app.close()
  })

  it('answers 0 or 1 with the probability of class 1', async () => {
    const { app } = serverOf()
    const ask = async (input_data: number[]) =>
      (await app.inject({ method: 'POST', url: '/predict/binary', payload: { input_data } })).json() as {
        prediction: number
        probability: number
      }
    expect((await ask([5, 1])).probability).toBeGreaterThan(0.9)
    const not = await ask([1, 5])
    expect(not.prediction).toBe(0)
    expect(not.probability).toBeLessThan(0.1)
    await app.close()
  })

  it('throws ServerError when its port is taken', async () => {
    const first = serverOf()
    const port = Number(new URL(await first.start()).port)
    expect(await failureOf(serverOf({ port }).start())).toBeInstanceOf(ServerError)
    await first.stop()
  })
})
