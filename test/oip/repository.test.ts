// `--repository`: a folder of models served with no database, made by a service that has one.
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type App, createApp } from '../../src/app.ts'
import { type ConfigOverrides, loadConfig } from '../../src/config.ts'
import { type Log, silentLog } from '../../src/core/log.ts'
import { startApp } from '../helpers/app.ts'
import { aTrainedModel, CUSTOMER } from '../helpers/builders.ts'
import { AGE_AND_INCOME, externalAddModel, type Files, mlflowFolder, mlmodel } from '../mlflow.ts'
import { addModel, cubeModel, twoClassModel } from '../runtime-models.ts'
import { aTensorModel, identityModel } from './models.ts'

let folder: string
let app: App
let expected: unknown
let customers: string

const errors: string[] = []
const log: Log = { ...silentLog, error: (_, message) => void errors.push(message), child: () => log }

async function serve(repository: string, overrides: ConfigOverrides = {}): Promise<App> {
  const dataDir = join(folder, 'data')
  const config = loadConfig({ env: {}, overrides: { repository, dataDir, mlWorkers: 1, ...overrides } })
  const made = await createApp(config, { log })
  await made.begun
  return made
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'modelyard-repository-'))
  const whole = await startApp()
  const { model_id } = await aTrainedModel(whole.client, { algorithm: 'logistic_regression' })
  customers = model_id
  expected = (await whole.client.models.predict({ model_id, input_data: CUSTOMER })).prediction
  await aTensorModel(whole.as('acme'), { name: 'vector', file: identityModel('float32', ['N', 2]) })
  await whole.app.stop()
  await cp(join(whole.dataDir, 'artifacts'), join(folder, 'models-of-a-service'), { recursive: true })
  await whole.stop()
  const byHand = join(folder, 'models-of-a-service/models/adder')
  for (const [version, amount] of [
    ['1.0.0', 1],
    ['2.0.0', 5],
  ] as const) {
    await mkdir(join(byHand, 'versions', version), { recursive: true })
    await writeFile(join(byHand, 'versions', version, 'model.onnx'), addModel(amount))
  }
  await writeFile(join(byHand, 'CURRENT'), '1.0.0\n')
  app = await serve(join(folder, 'models-of-a-service'))
}, 120_000)
afterAll(async () => {
  await app.stop()
  await rm(folder, { recursive: true, force: true })
})

const post = (url: string, payload: object, headers = {}) => app.http.inject({ method: 'POST', url, payload, headers })
const get = (url: string, headers = {}) => app.http.inject({ method: 'GET', url, headers })
const add = async (path = '/v2/models/adder/infer') => {
  const reply = await post(path, { inputs: [{ name: 'x', shape: [1], datatype: 'FP32', data: [1] }] })
  return reply.json().outputs?.[0].data[0] ?? reply.json().error
}

describe('a folder of models', () => {
  it('is predicted from by columns, under the name and the id of the model', async () => {
    for (const id of ['customers', customers]) {
      const reply = await post(`/api/v1/ml/models/${id}/predict`, { input_data: CUSTOMER })
      expect([reply.statusCode, reply.json().data?.prediction]).toEqual([200, expected])
    }
    expect((await post('/v1/models/customers:predict', { instances: [CUSTOMER] })).json()).toEqual({
      predictions: [expected],
    })
  })

  it('is served by tensors, also where somebody put nothing but a file', async () => {
    expect(await add()).toBe(2)
    expect(await add('/v2/models/adder/versions/2.0.0/infer')).toBe(6)
    expect((await get('/v2/models/adder')).json()).toMatchObject({ name: 'adder', versions: ['1.0.0', '2.0.0'] })
    expect((await post('/api/v1/ml/models/adder/predict', { input_data: [1] })).json().error_code).toBe(
      'MODEL_TENSORS_ONLY',
    )
  })

  it('keeps tenants apart', async () => {
    const acme = { 'x-tenant-id': 'acme' }
    expect((await get('/v2/models/vector/ready', acme)).json()).toMatchObject({ ready: true })
    expect((await get('/v2/models/vector')).statusCode).toBe(404)
    expect((await post('/v2/repository/index', {}, acme)).json()).toEqual([
      { name: 'vector', version: '1.0.0', state: 'READY', reason: '' },
    ])
  })

  it('describes a model of tensors by its tensors, and one of columns by both', async () => {
    const acme = { 'x-tenant-id': 'acme' }
    const pathsOf = async (url: string, headers = {}) => Object.keys((await get(url, headers)).json().paths)
    expect(await pathsOf('/v2/models/vector/openapi.json', acme)).toEqual(['/v2/models/vector/versions/1.0.0/infer'])
    expect(await pathsOf('/v2/models/adder/openapi.json')).toEqual(['/v2/models/adder/versions/1.0.0/infer'])
    expect(await pathsOf('/v2/models/customers/openapi.json')).toHaveLength(2)
  })

  it('is followed: CURRENT names what answers, and a version that does not load is left out', async () => {
    const place = join(folder, 'models-of-a-service/models/adder')
    await writeFile(join(place, 'CURRENT'), '2.0.0\n')
    await post('/reload', {})
    expect(await add()).toBe(6)
    await mkdir(join(place, 'versions/3.0.0'))
    await writeFile(join(place, 'versions/3.0.0/model.onnx'), 'no model')
    await writeFile(join(place, 'CURRENT'), '3.0.0\n')
    const before = errors.length
    for (let look = 0; look < 10; look++) await post('/reload', {})
    expect(await add()).toBe(6)
    // It is read anew, from the beginning to the end, now and then and not at every look.
    expect(errors.length - before).toBeGreaterThan(0)
    expect(errors.length - before).toBeLessThan(6)
    await writeFile(join(place, 'versions/3.0.0/model.onnx'), addModel(7))
    await post('/reload', {})
    expect(await add()).toBe(8)
    await writeFile(join(place, 'CURRENT'), '2.0.0\n')
    await post('/reload', {})
  })

  it('goes on being served while CURRENT names what is not there, until there is no CURRENT', async () => {
    const current = join(folder, 'models-of-a-service/models/adder/CURRENT')
    for (const half of ['', '2.', '7.0.0']) {
      await writeFile(current, half)
      await post('/reload', {})
      expect(await add()).toBe(6)
    }
    await rm(current)
    await post('/reload', {})
    expect(await add()).toContain('CURRENT names none')
    expect(await add('/v2/models/adder/versions/2.0.0/infer')).toBe(6)
    expect((await get('/v2/models/adder/versions/2.0.0/ready')).json()).toEqual({ name: 'adder', ready: true })
    await writeFile(current, '7.0.0')
    await post('/reload', {})
    expect(await add()).toContain('CURRENT names "7.0.0"')
    await writeFile(current, '1.0.0')
    await post('/reload', {})
    expect(await add()).toBe(2)
  })

  it('a version that was asked for before all of its files were there is asked anew', async () => {
    const place = join(folder, 'models-of-a-service/models/adder/versions/4.0.0')
    await mkdir(place)
    await writeFile(join(place, 'model.onnx'), addModel(3))
    await post('/reload', {})
    expect(await add('/v2/models/adder/versions/4.0.0/infer')).toBe(4)
    const signature = {
      inputs: [{ name: 'x', dtype: 'number', nullable: false }],
      outputs: [{ name: 'y', dtype: 'number' }],
    }
    await writeFile(join(place, 'metadata.json'), JSON.stringify({ model_type: 'regression', signature }))
    await post('/reload', {})
    const reply = await post('/v1/models/adder/versions/4.0.0:predict', { instances: [{ x: 1 }] })
    expect(reply.json()).toEqual({ predictions: [4] })
  })

  it('says what is not there', async () => {
    expect((await get('/v2/models/nothing')).statusCode).toBe(404)
    expect((await get('/v2/models/adder/versions/9.9.9')).statusCode).toBe(404)
    const train = await get('/api/v1/ml/models')
    expect([train.statusCode, train.json().error_code]).toEqual([501, 'NOT_OFFERED'])
  })

  it('is healthy and ready', async () => {
    expect((await get('/health')).json()).toMatchObject({ status: 'healthy', models_loaded: true })
    expect((await get('/ready')).json()).toMatchObject({ ready: true })
    expect((await get('/v2/health/ready')).statusCode).toBe(200)
  })

  it('is not ready while the default model is not there', async () => {
    const waiting = await serve(join(folder, 'models-of-a-service'), { defaultModel: 'later' })
    const reply = await waiting.http.inject('/ready')
    expect([reply.statusCode, reply.json()]).toEqual([
      503,
      { ready: false, reason: expect.stringContaining('"later"') },
    ])
    await waiting.stop()
  })
})

describe('a folder of MLflow', () => {
  const weights = { weights: Buffer.from(Float32Array.of(7, 9).buffer) }
  const files = mlflowFolder(externalAddModel({ location: 'weights' }), { inputs: AGE_AND_INCOME }, weights)
  const write = async (place: string, more: Files = {}) => {
    await mkdir(join(folder, place), { recursive: true })
    for (const [name, content] of Object.entries({ ...files, ...more }))
      await writeFile(join(folder, place, name), content)
  }
  const body = { dataframe_split: { columns: ['age', 'income'], data: [[1, 2]] } }
  const ask = async (one: App, url: string) => {
    const reply = await one.http.inject({ method: 'POST', url, payload: body })
    return reply.json().predictions ?? reply.json().error_code
  }

  it('is the whole repository, and is called as it was logged', async () => {
    await write('mlflow/alone')
    const alone = await serve(join(folder, 'mlflow/alone'))
    expect(await ask(alone, '/invocations')).toEqual([19])
    expect(await ask(alone, '/v1/models/churn:predict')).toEqual([19])
    await alone.stop()
    await write('mlflow/cubes', { 'model.onnx': cubeModel() })
    const cubes = await serve(join(folder, 'mlflow/cubes'))
    const cube = [
      [1, 2],
      [3, 4],
    ]
    for (const payload of [{ inputs: [cube] }, { inputs: { x: [cube] } }]) {
      const reply = await cubes.http.inject({ method: 'POST', url: '/invocations', payload })
      expect(reply.json()).toEqual({ predictions: { y: [cube] } })
    }
    await cubes.stop()
  })

  it('that takes tensors is asked by CSV as well, whose numbers are numbers', async () => {
    await write('mlflow/vector', { 'model.onnx': identityModel('float32', ['N', 2]) })
    const vector = await serve(join(folder, 'mlflow/vector'))
    const csv = (payload: string, header: string) => {
      const headers = { 'content-type': `text/csv; header=${header}` }
      return vector.http.inject({ method: 'POST', url: '/invocations', payload, headers })
    }
    const predictions = [
      [1.5, -200],
      [null, 3],
    ]
    expect((await csv('1.5,-2e2\n,3\n', 'absent')).json()).toEqual({ predictions })
    expect((await csv('a,b\n1.5,-2e2\nnan,3\n', 'present')).json()).toEqual({ predictions })
    expect((await csv('1,0\n1.5,-2e2\nnan,3\n', 'present')).json()).toEqual({ predictions })
    const data = [
      [1.5, -200],
      [null, 3],
    ]
    const payload = { dataframe_split: { columns: ['1', '0'], data } }
    expect((await vector.http.inject({ method: 'POST', url: '/invocations', payload })).json()).toEqual({ predictions })
    expect((await csv('1.5,ten\n', 'absent')).json()).toMatchObject({
      error_code: 'TENSOR_INVALID',
      error: expect.stringContaining('"ten"'),
    })
    await vector.stop()
  })

  it('lies among other models, with versions or without', async () => {
    await write('mlflow/some/models/first')
    await write('mlflow/some/models/second/versions/2.0.0')
    await write('mlflow/some/models/second/versions/1.0.0')
    await writeFile(join(folder, 'mlflow/some/models/second/CURRENT'), '2.0.0')
    await write('mlflow/some/models/pickled', { MLmodel: mlmodel({ flavors: 'sklearn' }) })
    await write('mlflow/some/models/outside', { 'model.onnx': externalAddModel({ location: '../first/weights' }) })
    await write('mlflow/some/models/labels', { 'model.onnx': twoClassModel() })
    await write('mlflow/some/models/cubes', { 'model.onnx': cubeModel() })
    const some = await serve(join(folder, 'mlflow/some'))
    expect(await ask(some, '/v1/models/first:predict')).toEqual([19])
    expect(await ask(some, '/v1/models/second/versions/1.0.0:predict')).toEqual([19])
    expect((await some.http.inject('/v2/models/second')).json()).toMatchObject({ versions: ['1.0.0', '2.0.0'] })
    expect(await ask(some, '/v1/models/labels:predict')).toEqual([0])
    const explain = {
      method: 'POST',
      url: '/v1/models/first:explain',
      payload: { instances: [{ age: 1, income: 2 }] },
    } as const
    expect((await some.http.inject(explain)).json()).toMatchObject({ predictions: [19], explanations: [{}] })
    expect(await ask(some, '/v1/models/cubes:predict')).toBe('TENSOR_INVALID')
    for (const bad of ['pickled', 'outside'])
      expect(await ask(some, `/v1/models/${bad}:predict`)).toBe('MODEL_NOT_FOUND')
    await some.stop()
  })
})

describe('a folder that is not there', () => {
  it('stops the start', async () => {
    await expect(serve(join(folder, 'nowhere'))).rejects.toThrow('nowhere')
  })
})
