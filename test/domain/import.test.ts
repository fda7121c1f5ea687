// Models of other tools, imported and made live, must answer what those tools answered. They lie beside the project; where
// they are absent those tests are skipped. What is hostile is built here.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { inspectModel } from '../../src/ml/onnx/inspect.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { refusal } from '../helpers/failing.ts'
import { storedKeys, temporaryFiles } from '../helpers/files.ts'
import {
  addModel,
  cubeModel,
  echoModel,
  endlessModel,
  externalModel,
  halfModel,
  twoClassModel,
} from '../runtime-models.ts'

const FOLDER = resolve(import.meta.dirname, '../../../shared/data/onnx')
const present = existsSync(FOLDER)
if (!present) process.stderr.write(`skipped: importing models of other tools (no folder ${FOLDER})\n`)

interface CaseTensor {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data: readonly unknown[]
}

interface Case {
  readonly inputs: Readonly<Record<string, CaseTensor>>
  readonly expected: Readonly<Record<string, CaseTensor>>
  readonly atol: number
  readonly rtol: number
}

/** Those for tables whose answer is a label or one number. */
const names = (present ? readdirSync(FOLDER) : []).filter((name) => /^(sklearn|skdoc)-/.test(name)).filter(isPredictor)

function readCase(name: string): Case {
  return JSON.parse(readFileSync(join(FOLDER, name, 'case.json'), 'utf8')) as Case
}

/** Transformers (scalers, encoders) answer neither a label nor a number. */
function isPredictor(name: string): boolean {
  return !/scaler|labelencoder|tfidf/.test(name)
}

function columnsOf(rows: number, inputs: Case['inputs']): Record<string, unknown>[] {
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(
      Object.entries(inputs).flatMap(([name, { shape, data }]) => {
        const width = shape[1] ?? 1
        const names = width === 1 ? [name] : Array.from({ length: width }, (_, k) => `${name}[${k}]`)
        return names.map((column, k) => [column, data[row * width + k]])
      }),
    ),
  )
}

describe('importing a model', () => {
  let app: TestApp
  let client: MlClient
  beforeAll(async () => {
    app = await startApp({ worker: false })
    client = app.client
  })
  afterAll(() => app.stop())

  let made = 0
  const aModel = async (type: 'classification' | 'regression' | 'custom') => {
    made++
    return (await client.models.create({ name: `imported-${made}`, type })).id
  }

  describe.skipIf(!present)('of another tool', () => {
    it.for(names)('%s answers what that tool answered', async (name) => {
      const one = readCase(name)
      const rows = Object.values(one.inputs)[0]!.shape[0]!
      const first = Object.values(one.expected).find(({ data, dtype }) => dtype !== 'seq(map)' && data.length === rows)!
      const type = first.dtype.startsWith('float') ? 'regression' : 'classification'
      const model_id = await aModel(type)
      const file = readFileSync(join(FOLDER, name, 'model.onnx'))
      const version = await client.versions.import({ model_id, file, trusted: true })
      expect(version).toMatchObject({ status: 'trained', algorithm: null, lineage: { dataset_id: null, seed: null } })
      await client.models.deploy({ model_id, version: version.version })
      const input_data = columnsOf(rows, one.inputs)
      const { predictions } = await client.models.predict_batch({ model_id, input_data })
      expect(predictions.filter(({ error }) => error !== undefined)).toEqual([])
      for (const [row, { prediction }] of predictions.entries()) {
        const expected = first.data[row]
        if (type === 'classification') expect(String(prediction)).toBe(String(expected))
        else
          expect(Math.abs(Number(prediction) - Number(expected))).toBeLessThanOrEqual(
            one.atol + one.rtol * Math.abs(Number(expected)),
          )
      }
    })
  })

  it('registers it with its signature, its figures and its file, and makes it live only when told to', async () => {
    const model_id = await aModel('classification')
    const file = twoClassModel()
    const version = await client.versions.import({
      model_id,
      file,
      filename: 'two.onnx',
      labels: ['no', 'yes'],
      metrics: { accuracy: 0.9 },
      version: '3.0.0',
    })
    expect(version).toMatchObject({
      version: '3.0.0',
      status: 'trained',
      metrics: { accuracy: 0.9 },
      signature: {
        inputs: [{ name: 'X[0]', dtype: 'number' }, { name: 'X[1]' }],
        outputs: [{ name: 'label', categories: ['no', 'yes'] }, { name: 'probabilities' }],
      },
      lineage: { environment: { imported_from: 'two.onnx' } },
    })
    const metadata = await client.versions.metadata({ model_id, version: '3.0.0' })
    expect(metadata).toMatchObject({ metric: { name: 'accuracy', value: 0.9 }, training_data_file: 'two.onnx' })
    const { stream } = await client.versions.artifact({ model_id, version: '3.0.0' })
    expect(Buffer.from(await new Response(stream).arrayBuffer()).equals(file)).toBe(true)
    expect((await client.models.get({ model_id })).deployments).toEqual({})
    expect(await refusal(client.models.predict({ model_id, input_data: [1, 2] }))).toMatchObject({
      code: 'MODEL_NOT_DEPLOYED',
    })
    expect(await client.models.predict({ model_id, version: '3.0.0', input_data: [5, 1] })).toMatchObject({
      version: '3.0.0',
    })
    const again = client.versions.import({ model_id, file, version: '3.0.0' })
    expect(await refusal(again)).toMatchObject({ kind: 'conflict', code: 'VERSION_EXISTS' })
    expect((await client.versions.import({ model_id, file })).version).toBe('3.1.0')
  })

  it.skipIf(!present)('takes a ZipMap out, and its classes over', async () => {
    const model_id = await aModel('classification')
    const file = readFileSync(join(FOLDER, 'skdoc-logreg-iris', 'model.onnx'))
    const { signature, lineage } = await client.versions.import({ model_id, file, trusted: true })
    expect(signature?.outputs).toEqual([
      { name: 'output_label', dtype: 'integer', categories: ['0', '1', '2'] },
      { name: 'output_probability', dtype: 'number' },
    ])
    expect(lineage.environment.changes).toEqual([expect.stringContaining('ZipMap')])
    await client.models.deploy({ model_id, version: '1.0.0' })
    const { prediction, probabilities } = await client.models.predict({ model_id, input_data: [5.1, 3.5] })
    expect(prediction).toBe(0)
    expect(probabilities?.['0']).toBeCloseTo(0.92347, 4)
  })

  it('runs in a process of its own until somebody vouches for it', async () => {
    const model_id = await aModel('regression')
    const { version, trusted } = await client.versions.import({ model_id, file: addModel(40) })
    expect(trusted).toBe(false)
    await client.models.deploy({ model_id, version })
    const forty = async () => (await client.models.predict({ model_id, input_data: [2] })).prediction
    expect(await forty()).toBe(42)
    for (const trusted of [true, false]) {
      expect((await client.versions.trust({ model_id, version, trusted })).trusted).toBe(trusted)
      await app.inject({ method: 'POST', url: '/reload' })
      expect(await forty()).toBe(42)
    }
  })

  it('names its classes by the labels given', async () => {
    const model_id = await aModel('classification')
    await client.versions.import({ model_id, file: twoClassModel(), labels: ['0', '1'] })
    await client.models.deploy({ model_id, version: '1.0.0' })
    const answer = await client.models.predict({ model_id, input_data: { 'X[0]': 5, 'X[1]': 1 } })
    expect(answer).toMatchObject({ prediction: 1, probabilities: { 1: answer.confidence } })
    expect(answer.confidence).toBeGreaterThan(0.9)
    expect(await client.predict_model({ model_id, input_data: [1, 5] })).toMatchObject({ prediction: 0 })
  })

  it('answers with the names given to classes that the graph numbers', async () => {
    const model_id = await aModel('classification')
    await client.versions.import({ model_id, file: twoClassModel(), labels: ['no', 'yes'] })
    await client.models.deploy({ model_id, version: '1.0.0' })
    const answer = await client.models.predict({ model_id, input_data: [5, 1] })
    expect(answer).toMatchObject({ prediction: 'yes', probabilities: { yes: answer.confidence } })
    expect(answer.confidence).toBeGreaterThan(0.9)
  })

  it.each([
    [['1', '2'], 2, 1],
    [['1', '0'], 0, 1],
    [['first', '0'], '0', 'first'],
  ])('answers with the names %j, though the graph calls its classes 0 and 1', async (labels, second, first) => {
    const model_id = await aModel('classification')
    await client.versions.import({ model_id, file: twoClassModel(), labels })
    await client.models.deploy({ model_id, version: '1.0.0' })
    for (const [row, expected] of [
      [[5, 1], second],
      [[1, 5], first],
    ] as const) {
      const { prediction, confidence, probabilities } = await client.models.predict({ model_id, input_data: [...row] })
      expect([prediction, probabilities]).toEqual([expected, expect.objectContaining({ [expected]: confidence })])
      expect(confidence).toBeGreaterThan(0.9)
    }
  })

  it('answers numbers of 16 bits as numbers', async () => {
    const model_id = await aModel('regression')
    const { version, signature } = await client.versions.import({ model_id, file: halfModel(), trusted: true })
    expect(signature?.inputs).toEqual([{ name: 'x', dtype: 'number', nullable: false }])
    await client.models.deploy({ model_id, version })
    for (const x of [1.5, -2, 0]) {
      expect((await client.models.predict({ model_id, input_data: { x } })).prediction).toBe(x)
    }
  })

  it('reads a file in another process, which may be made of millions of parts', async () => {
    // Fields that nobody knows, so that the model is a good one.
    const file = Buffer.concat([addModel(1), Buffer.alloc(9_000_000, Buffer.from([0x80, 0x7d, 0]))])
    const processorTime = async (work: () => unknown) => {
      const before = process.cpuUsage()
      await work()
      const { user, system } = process.cpuUsage(before)
      return user + system
    }
    const reading = await processorTime(() => inspectModel(file))
    const model_id = await aModel('regression')
    expect(await processorTime(() => client.versions.import({ model_id, file }))).toBeLessThan(reading)
  })

  describe('is refused, and leaves nothing, for', () => {
    it.each([
      ['garbage', 'classification', Buffer.from('this is not a model at all'), undefined],
      ['an empty file', 'classification', Buffer.alloc(0), undefined],
      ['half a model', 'regression', addModel(1).subarray(0, 40), undefined],
      ['weights in another file', 'regression', externalModel(), 'MODEL_EXTERNAL_DATA'],
      ['a number where classes are asked for', 'classification', addModel(1), 'MODEL_OUTPUT_UNSUPPORTED'],
      ['classes where a number is asked for', 'regression', twoClassModel(), 'MODEL_OUTPUT_UNSUPPORTED'],
      ['an input that is no table', 'regression', cubeModel(), 'MODEL_INPUT_UNSUPPORTED'],
      ['columns of any number', 'regression', echoModel(['float32']), 'MODEL_INPUT_UNSUPPORTED'],
    ] as const)('%s', async (_, type, file, expected) => {
      const model_id = await aModel(type)
      const { kind, code } = await refusal(client.versions.import({ model_id, file, filename: 'model.onnx' }))
      expect(kind).toMatch(/invalid|malformed/)
      if (expected) expect(code).toBe(expected)
      expect(await client.versions.list({ model_id })).toEqual({ items: [], next_cursor: null })
      expect((await storedKeys(app)).filter((key) => key.includes(model_id))).toEqual([])
      expect(await temporaryFiles(app)).toEqual([])
    })

    it('a loop without end, while everything else goes on', async () => {
      const model_id = await aModel('regression')
      const importing = refusal(client.versions.import({ model_id, file: endlessModel() }))
      const other = await aModel('regression')
      await client.versions.import({ model_id: other, file: addModel(2) })
      expect(await client.models.predict({ model_id: other, version: '1.0.0', input_data: [1] })).toMatchObject({
        prediction: 3,
      })
      expect(await importing).toMatchObject({
        kind: 'invalid',
        code: 'MODEL_NOT_USABLE',
        message: expect.stringContaining('did not answer'),
      })
      expect((await storedKeys(app)).filter((key) => key.includes(model_id))).toEqual([])
    }, 60_000)

    it('the wrong number of labels', async () => {
      const model_id = await aModel('classification')
      const { fields } = await refusal(
        client.versions.import({ model_id, file: twoClassModel(), labels: ['a', 'b', 'c'] }),
      )
      expect(fields).toHaveProperty('labels')
    })

    it('names and rows that mean nothing to it', async () => {
      const asked = async (type: 'classification' | 'regression' | 'custom', file: Uint8Array, more: object) => {
        const { fields } = await refusal(client.versions.import({ model_id: await aModel(type), file, ...more }))
        return Object.keys(fields)
      }
      expect(await asked('regression', addModel(1), { labels: ['no', 'yes'] })).toEqual(['labels'])
      expect(await asked('classification', twoClassModel(), { labels: ['yes', 'yes'] })).toEqual(['labels'])
      expect(await asked('custom', addModel(1), { dataset_id: 'dataset_1' })).toEqual(['dataset_id'])
    })

    it('no file', async () => {
      const model_id = await aModel('classification')
      const reply = await app.inject({ method: 'POST', url: `/api/v1/ml/models/${model_id}/versions`, payload: {} })
      expect(reply.statusCode).toBeGreaterThanOrEqual(400)
      expect(reply.statusCode).toBeLessThan(500)
    })
  })
})
