// Models that MLflow saved, imported as the archives people make of its folders, and asked in MLflow's own forms.
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { refusal } from '../helpers/failing.ts'
import { storedKeys, temporaryFiles } from '../helpers/files.ts'
import { AGE_AND_INCOME, externalAddModel, type Files, mlflowFolder, tarGzOf, zip, zipOf } from '../mlflow.ts'
import { addModel, cubeModel, echoModel, twoClassModel } from '../runtime-models.ts'

const IRIS = resolve(import.meta.dirname, '../../../shared/data/onnx/skdoc-logreg-iris/model.onnx')
const present = existsSync(IRIS)
if (!present) process.stderr.write(`skipped: a classifier of scikit-learn (no file ${IRIS})\n`)

let app: TestApp
let client: MlClient
beforeAll(async () => {
  app = await startApp({ worker: false })
  client = app.client
})
afterAll(() => app.stop())

let made = 0
async function aModel(type: 'classification' | 'regression' | 'custom'): Promise<string> {
  made++
  return (await client.models.create({ name: `mlflow-${made}`, type })).id
}

async function live(type: 'classification' | 'regression' | 'custom', file: Uint8Array): Promise<string> {
  const model_id = await aModel(type)
  await client.versions.import({ model_id, file, trusted: true })
  await client.models.deploy({ model_id, version: '1.0.0' })
  return model_id
}

const SEVEN_AND_NINE = Buffer.from(Float32Array.of(1, 2, 7, 9).buffer)
const external = externalAddModel({ location: '0d1c3a6e-f9f5-11ef-8d6c', offset: 8, length: 8 })
const named = (names: readonly string[], type = 'double') => names.map((name) => ({ type, name, required: true }))

describe('a folder of MLflow', () => {
  it.each([
    ['zip with the folder in it', zipOf, 'model/'],
    ['tar.gz with the folder in it', tarGzOf, './artifacts/model/'],
  ])('is imported as a %s, with the columns of its signature', async (_, pack, folder) => {
    const model_id = await aModel('classification')
    const file = pack(mlflowFolder(twoClassModel(), { inputs: AGE_AND_INCOME }), folder)
    const version = await client.versions.import({ model_id, file, filename: 'churn.zip', labels: ['0', '1'] })
    expect(version.signature?.inputs).toEqual([
      { name: 'age', dtype: 'integer', nullable: false },
      { name: 'income', dtype: 'number', nullable: true },
    ])
    expect(version.lineage.environment).toMatchObject({
      imported_from: 'churn.zip',
      mlflow: { mlflow_version: '2.16.2', run_id: '4d6b9c8f8d9a4c0f9c1e4b7f5b1f2d3e' },
    })
    const asked = { model_id, version: '1.0.0' }
    expect((await client.models.predict({ ...asked, input_data: { age: 5, income: 1 } })).prediction).toBe(1)
    expect((await client.models.predict({ ...asked, input_data: [1, 5] })).prediction).toBe(0)
    const { fields } = await refusal(client.models.predict({ ...asked, input_data: { income: 1 } }))
    expect(fields).toHaveProperty(['input_data.age'])
  })

  it('brings its weights in the files beside the model, and is one file afterwards', async () => {
    const model_id = await aModel('regression')
    const files = mlflowFolder(external, { inputs: named(['a', 'b']) }, { '0d1c3a6e-f9f5-11ef-8d6c': SEVEN_AND_NINE })
    const { lineage } = await client.versions.import({ model_id, file: tarGzOf(files) })
    expect(lineage.environment.changes).toEqual(['Weights taken in from 1 file(s) beside the model'])
    await client.models.deploy({ model_id, version: '1.0.0' })
    expect((await client.models.predict({ model_id, input_data: { a: 100, b: 1000 } })).prediction).toBe(1116)
    const { stream } = await client.versions.artifact({ model_id, version: '1.0.0' })
    const again = await client.versions.import({ model_id, file: await new Response(stream).bytes() })
    expect(again.version).toBe('1.1.0')
  })

  it.skipIf(!present)(
    'of a classifier of scikit-learn keeps its classes, and has the names of its columns',
    async () => {
      const columns = ['sepal length (cm)', 'sepal width (cm)']
      const file = zipOf(mlflowFolder(readFileSync(IRIS), { inputs: named(columns) }))
      const model_id = await live('classification', file)
      const row = { 'sepal length (cm)': 5.1, 'sepal width (cm)': 3.5 }
      const { prediction, probabilities } = await client.models.predict({ model_id, input_data: row })
      expect([prediction, probabilities?.['0']]).toEqual([0, expect.closeTo(0.92347, 4)])
    },
  )

  it('may have no signature, or one of a tensor', async () => {
    const tensor = [{ type: 'tensor', 'tensor-spec': { dtype: 'float32', shape: [-1, 2] } }]
    for (const inputs of [undefined, tensor]) {
      const file = zipOf(mlflowFolder(twoClassModel(), inputs && { inputs }))
      const { signature } = await client.versions.import({ model_id: await aModel('classification'), file })
      expect(signature?.inputs.map(({ name }) => name)).toEqual(['X[0]', 'X[1]'])
    }
  })
})

describe('MLflow asks', () => {
  const ask = async (model: string, payload: object) => {
    const reply = await app.app.http.inject({ method: 'POST', url: `/v1/models/${model}:predict`, payload })
    return reply.json().predictions ?? [reply.statusCode, reply.json()]
  }

  it('by dataframe_split, dataframe_records, inputs and instances', async () => {
    const model = await live('classification', zipOf(mlflowFolder(twoClassModel(), { inputs: AGE_AND_INCOME })))
    const data = [
      [5, 1],
      [1, 5],
    ]
    const records = data.map(([age, income]) => ({ age, income }))
    for (const payload of [
      { dataframe_split: { columns: ['income', 'age'], data: data.map((row) => row.toReversed()) } },
      { dataframe_records: records },
      { inputs: { age: [5, 1], income: [1, 5] } },
      { inputs: data },
      { instances: data },
      { instances: records },
    ]) {
      expect(await ask(model, payload)).toEqual([1, 0])
    }
  })

  it('by tensors, by the name of the tensor', async () => {
    const model = await live('classification', zipOf(mlflowFolder(twoClassModel())))
    expect(
      await ask(model, {
        inputs: {
          X: [
            [5, 1],
            [1, 5],
          ],
        },
      }),
    ).toEqual([1, 0])
    expect(await ask(model, { instances: [{ X: [5, 1] }] })).toEqual([1])
    expect((await ask(model, { inputs: { X: [[5, 1, 3]] } }))[0]).toBe(422)
  })
})

describe('a model of tensors', () => {
  const spec = [{ name: 'x', type: 'tensor', 'tensor-spec': { dtype: 'float32', shape: [-1, 2, 2] } }]
  const cube = [
    [1, 2],
    [3, 4],
  ]
  const other = [
    [5, 6],
    [7, 8],
  ]
  const ask = async (url: string, payload: object | string) => {
    const headers = { 'content-type': 'application/json' }
    const reply = await app.app.http.inject({ method: 'POST', url, payload, headers })
    return reply.json().predictions ?? [reply.statusCode, reply.json().error]
  }

  it('is asked for its rows at every door, whatever way they are nested', async () => {
    const model = await live('custom', zipOf(mlflowFolder(cubeModel(), { inputs: spec })))
    const url = `/v1/models/${model}:predict`
    for (const payload of [
      { instances: [cube, other] },
      { instances: [{ x: cube }, { x: other }] },
      { inputs: { x: [cube, other] } },
      { dataframe_split: { columns: ['a', 'b', 'c', 'd'], data: [cube.flat(), other.flat()] } },
    ]) {
      expect(await ask(url, payload)).toEqual([cube, other])
    }
    expect(await ask(url, { instances: [[1, 2, 3]] })).toEqual([
      422,
      expect.stringContaining('[1, 3]; the model takes [any, 2, 2]'),
    ])
    expect((await ask(url, { instances: [cube, [[1], 2]] }))[1]).toContain('nested unevenly')
    expect(
      (
        await ask(url, {
          instances: [
            [
              ['a', 'b'],
              ['c', 'd'],
            ],
          ],
        })
      )[1],
    ).toContain('must hold a number')
    expect((await ask(url, `{"instances": [${'['.repeat(5000)}1${']'.repeat(5000)}]}`))[0]).toBe(400)
    expect((await ask(`/v1/models/${model}:explain`, { instances: [cube] }))[0]).toBe(422)
  })

  it('of several inputs and outputs names them', async () => {
    const model = await live('custom', zipOf(mlflowFolder(echoModel(['float32', 'string', 'int64', 'bool']))))
    const row = (n: number) => ({ float32_in: [n, null], string_in: ['é'], int64_in: [n, n], bool_in: [true] })
    const answer = (n: number) => ({ float32_out: [n, null], string_out: ['é'], int64_out: [n, n], bool_out: [true] })
    expect(await ask(`/v1/models/${model}:predict`, { instances: [row(1), row(2)] })).toEqual([answer(1), answer(2)])
    const { bool_in: _, ...short } = row(1)
    expect((await ask(`/v1/models/${model}:predict`, { instances: [short] }))[1]).toContain(
      '"bool_in" is missing in row 0',
    )
  })
})

describe('is refused, and leaves nothing,', () => {
  const withSignature = (inputs: readonly object[]) => zipOf(mlflowFolder(twoClassModel(), { inputs }))
  const withWeights = (location: string, files: Files = {}, more = {}) =>
    zipOf(mlflowFolder(externalAddModel({ location, ...more }), {}, files))
  const pickled = zipOf({ ...mlflowFolder(addModel(1), { flavors: 'sklearn' }), 'model.pkl': 'x' })
  it.each<[string, Uint8Array, string, string]>([
    ['a folder of another flavour', pickled, 'MLFLOW_NOT_ONNX', 'mlflow.onnx.log_model'],
    ['an archive of something else', zipOf({ 'model.onnx': addModel(1) }), 'ARCHIVE_WITHOUT_MODEL', 'MLmodel'],
    ['an archive of two models', zipOf({ 'a/MLmodel': '', 'b/MLmodel': '' }), 'ARCHIVE_WITHOUT_MODEL', 'several'],
    ['an empty archive', zip([]), 'ARCHIVE_WITHOUT_MODEL', 'MLmodel'],
    [
      'a file that is named but not there',
      zipOf(mlflowFolder(addModel(1), { data: 'other.onnx' })),
      'MLFLOW_MALFORMED',
      'other.onnx',
    ],
    [
      'a file outside',
      zipOf(mlflowFolder(addModel(1), { data: '../../model.onnx' })),
      'MLFLOW_MALFORMED',
      'not in the folder',
    ],
    ['weights outside', withWeights('../../../../etc/passwd'), 'MODEL_EXTERNAL_DATA', 'leads out'],
    ['weights at the root', withWeights('/etc/passwd'), 'MODEL_EXTERNAL_DATA', 'leads out'],
    ['weights that are missing', withWeights('weights'), 'MODEL_EXTERNAL_DATA', 'not in the folder'],
    ['weights that end early', withWeights('w', { w: 'abc' }, { length: 8 }), 'MODEL_EXTERNAL_DATA', 'has 3 bytes'],
    [
      'weights from behind the end',
      withWeights('w', { w: 'abc' }, { offset: 8 }),
      'MODEL_EXTERNAL_DATA',
      'has 3 bytes',
    ],
    [
      'another number of columns',
      withSignature(named(['a', 'b', 'c'])),
      'MLFLOW_SIGNATURE_MISMATCH',
      '"X" of 2 columns',
    ],
    ['two columns of one name', withSignature(named(['a', 'a'])), 'MLFLOW_SIGNATURE_MISMATCH', 'same name'],
    [
      'a column of text for a number',
      withSignature(named(['a', 'b'], 'string')),
      'MLFLOW_SIGNATURE_MISMATCH',
      '"a" is string',
    ],
    ['a link', zip([{ name: 'MLmodel', content: '/etc/passwd', mode: 0o120777 }]), 'ARCHIVE_UNSAFE', 'a link'],
    ['no YAML', zipOf({ MLmodel: 'a: [' }), 'MLFLOW_MALFORMED', 'line 1'],
  ])('%s', async (_, file, code, message) => {
    const model_id = await aModel('classification')
    const found = await refusal(client.versions.import({ model_id, file }))
    expect(found).toMatchObject({ code, message: expect.stringContaining(message) })
    expect(await client.versions.list({ model_id })).toEqual({ items: [], next_cursor: null })
    expect((await storedKeys(app)).filter((key) => key.includes(model_id))).toEqual([])
    expect(await temporaryFiles(app)).toEqual([])
  })
})
