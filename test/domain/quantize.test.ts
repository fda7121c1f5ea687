// Smaller copies of versions over the API: measured on the rows the version was measured on, and decided by the gate.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import { seededRandom } from '../../src/core/random.ts'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aDataset, aTable, aTableOf, aTrainedModel, CUSTOMER, train } from '../helpers/builders.ts'
import { mlflowFolder, zipOf } from '../mlflow.ts'

const NETWORK = { algorithm: 'neural_network', hyperparameters: { epochs: 30 } } as const
const random = seededRandom(4)
const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal() * 0.2)

/** Scores of three classes from sixteen numbers in one tensor, as other tools export a perceptron. */
function perceptron(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', 16])
  const weight = (rows: number, columns: number) =>
    graph.constant('w', { type: 'float32', dims: [rows, columns], data: numbers(rows * columns) })
  const hidden = graph.node('Relu', [graph.node('Gemm', [x, weight(16, 128)])])
  graph.output('scores', graph.node('Gemm', [hidden, weight(128, 3)]), 'float32', ['N', 3])
  return graph.build({ name: 'perceptron' })
}

function convolution(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('image', 'float32', ['N', 3, 16, 16])
  const w = graph.constant('w', { type: 'float32', dims: [64, 3, 3, 3], data: numbers(1728) })
  graph.output('planes', graph.node('Conv', [x, w]), 'float32', ['N', 64, 14, 14])
  return graph.build({ name: 'convolution' })
}

describe('quantizing', () => {
  let app: TestApp
  let client: MlClient
  beforeAll(async () => {
    app = await startApp()
    client = app.client
    const dataset_id = (await aDataset(client, aTable({ rows: 400 }))).id
    await aTrainedModel(client, { ...NETWORK, model_name: 'net', dataset_id })
  })
  afterAll(() => app.stop())

  const bytesOf = async (model_id: string, version: string) => {
    const { stream } = await client.versions.artifact({ model_id, version })
    return (await new Response(stream).arrayBuffer()).byteLength
  }

  it('makes a version with INT8 weights that takes over where it loses no more than allowed', async () => {
    const source = await client.versions.get({ model_id: 'net', version: '1.0.0' })
    const before = await client.models.predict({ model_id: 'net', input_data: CUSTOMER })
    const copy = await client.versions.quantize({ model_id: 'net', version: '1.0.0', promotion: { max_loss: 0.05 } })
    const { quantization, lineage } = copy
    expect(copy).toMatchObject({
      version: '1.1.0',
      status: 'deployed',
      algorithm: 'neural_network',
      hyperparameters: source.hyperparameters,
      signature: source.signature,
    })
    expect(lineage).toMatchObject({ parent_version: '1.0.0', dataset_id: source.lineage.dataset_id })
    expect(quantization).toMatchObject({
      precision: 'int8',
      from_version: '1.0.0',
      operators: { Gemm: 1 },
      weights: 64 * 64,
      measured_on: 'held_out_rows',
      rows: 80,
      metric: { name: 'f1', before: source.metrics.f1, after: copy.metrics.f1 },
      latency_ms: [{ rows: 1 }, { rows: 32 }],
      gate: { promote: true, reason: expect.stringContaining('not worse by more than 0.05') },
    })
    expect(quantization!.differences!.mean).toBeLessThan(0.01)
    expect(quantization!.differences!.same_labels).toBeGreaterThan(0.95)
    expect(quantization!.size_bytes).toEqual({
      before: await bytesOf('net', '1.0.0'),
      after: await bytesOf('net', '1.1.0'),
    })
    expect(quantization!.size_bytes.before - quantization!.size_bytes.after).toBeGreaterThan(64 * 64 * 2)
    const after = await client.models.predict({ model_id: 'net', input_data: CUSTOMER })
    expect(after).toMatchObject({ version: '1.1.0', prediction: before.prediction })
    expect(Math.abs(after.confidence! - before.confidence!)).toBeLessThan(0.05)
    const evaluation = await client.versions.evaluation({ model_id: 'net', version: '1.1.0' })
    expect(evaluation).toMatchObject({ split: { test_rows: 80 }, gate: { promote: true, champion: '1.0.0' } })
    expect(await client.versions.get({ model_id: 'net', version: '1.1.0' })).toEqual(copy)
    const explained = await client.models.predict({ model_id: 'net', input_data: CUSTOMER, explain: true })
    expect(explained.explanation).toMatchObject({ method: 'sampled_shapley', background: 'training_rows' })
  })

  it('stores weights in half the size, with answers that are the same to three digits', async () => {
    const copy = await client.versions.quantize({
      model_id: 'net',
      version: '1.0.0',
      precision: 'fp16',
      new_version: '3.0.0',
      promotion: false,
    })
    expect(copy).toMatchObject({ version: '3.0.0', status: 'trained', quantization: { precision: 'fp16', gate: null } })
    expect(copy.quantization!.differences!.largest).toBeLessThan(1e-3)
    expect(copy.quantization!.differences!.same_labels).toBe(1)
    expect(copy.quantization!.size_bytes.before - copy.quantization!.size_bytes.after).toBeGreaterThan(64 * 64 * 1.5)
  })

  it('rejects a copy that is worse than what is live, and keeps it', async () => {
    const dataset_id = (await aDataset(client, aTable({ rows: 400 }))).id
    const poor = { algorithm: 'neural_network', hyperparameters: { epochs: 1, learning_rate: 0.00001 } } as const
    await aTrainedModel(client, { ...poor, model_name: 'improved', dataset_id })
    const { version } = await train(client, { ...NETWORK, model_name: 'improved', dataset_id })
    expect((await client.versions.get({ model_id: 'improved', version })).status).toBe('deployed')
    const copy = await client.versions.quantize({ model_id: 'improved', version: '1.0.0' })
    expect(copy).toMatchObject({ status: 'rejected', error: expect.stringMatching(/^worse: f1 .* of 1\.1\.0/) })
    expect(copy.quantization!.gate).toMatchObject({ promote: false })
    expect((await client.models.get({ model_id: 'improved' })).deployments).toEqual({ production: '1.1.0' })
  })

  it('replaces nothing where nothing is live', async () => {
    const promotion = { environment: 'staging' }
    const copy = await client.versions.quantize({ model_id: 'net', version: '1.0.0', promotion })
    expect(copy).toMatchObject({ status: 'trained', quantization: { gate: { promote: false } } })
    expect(copy.quantization!.gate!.reason).toContain('nothing is live in "staging"')
  })

  it('measures a regression by its error', async () => {
    const { id } = await aDataset(client, aTableOf('number', { rows: 300 }), 'number')
    await aTrainedModel(client, { ...NETWORK, model_name: 'amounts', model_type: 'regression', dataset_id: id })
    const copy = await client.versions.quantize({
      model_id: 'amounts',
      version: '1.0.0',
      promotion: { metric: 'mae', max_loss: 5 },
    })
    const { metric } = copy.quantization!
    expect(metric!.name).toBe('mae')
    expect(metric!.after / metric!.before).toBeCloseTo(1, 0)
    expect(copy).toMatchObject({ status: 'deployed', quantization: { differences: { same_labels: null } } })
  })

  it('measures an imported model on a dataset that is named, and on made-up numbers otherwise', async () => {
    const { id: model_id } = await client.models.create({ name: 'imported', type: 'classification' })
    const labels = ['a', 'b', 'c']
    await client.versions.import({ model_id, file: perceptron(), labels })
    const blind = await client.versions.quantize({ model_id, version: '1.0.0' })
    expect(blind).toMatchObject({ status: 'trained', metrics: {} })
    expect(blind.quantization).toMatchObject({ measured_on: 'synthetic_input', metric: null, rows: 0 })
    expect(blind.quantization!.gate!.reason).toContain('dataset_id')
    expect(blind.quantization!.differences!.mean).toBeLessThan(0.1)
    const rows = Array.from({ length: 90 }, () => ({
      ...Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`c${i}`, random.normal()])),
      kind: labels[random.integer(3)],
    }))
    const dataset_id = (await aDataset(client, rows, 'kind')).id
    await client.models.deploy({ model_id, version: '1.0.0' })
    const copy = await client.versions.quantize({
      model_id,
      version: '1.0.0',
      dataset_id,
      promotion: { max_loss: 0.1 },
    })
    expect(copy).toMatchObject({ status: 'deployed', quantization: { measured_on: 'dataset', rows: 90 } })
    expect(copy.quantization!.differences!.same_labels).toBeGreaterThan(0.9)
    await expect(client.versions.evaluation({ model_id, version: copy.version })).rejects.toMatchObject({
      code: 'EVALUATION_NOT_FOUND',
    })
  })

  it('feeds columns by name where their order is not that of the graph', async () => {
    const { id: model_id } = await client.models.create({ name: 'reordered', type: 'regression' })
    const graph = new GraphBuilder()
    const columns = ['a', 'b'].map((name) => graph.input(name, 'float32', ['N', 1]))
    const weight = (dims: readonly [number, number], data: Float32Array) =>
      graph.constant('w', { type: 'float32', dims: [...dims], data })
    const both = graph.node('Concat', columns, { attributes: { axis: { int: 1 } } })
    // Ten times the one and once the other, 1,024 times over.
    const first = weight([2, 1024], new Float32Array(2048).fill(10, 0, 1024).fill(1, 1024))
    const mean = weight([1024, 1], new Float32Array(1024).fill(1 / 1024))
    const wide = graph.node('Gemm', [both, first])
    graph.output('y', graph.node('Gemm', [wide, mean]), 'float32', ['N', 1])
    const inputs = ['b', 'a'].map((name) => ({ type: 'float', name, required: true }))
    const file = zipOf(mlflowFolder(graph.build({ name: 'sum' }), { inputs }))
    const { signature } = await client.versions.import({ model_id, file })
    expect(signature?.inputs.map(({ name }) => name)).toEqual(['b', 'a'])
    const rows = Array.from({ length: 40 }, (_, i) => ({ a: i, b: 3 * (i % 7), sum: 10 * i + 3 * (i % 7) }))
    const dataset_id = (await aDataset(client, rows, 'sum')).id
    const asked = { model_id, version: '1.0.0', precision: 'fp16', dataset_id } as const
    const { quantization } = await client.versions.quantize({ ...asked, promotion: { metric: 'rmse' } })
    expect(quantization!.metric).toEqual({ name: 'rmse', before: expect.closeTo(0, 3), after: expect.closeTo(0, 3) })
  })

  it('quantizes a model of tensors, whose rows nobody knows', async () => {
    const { id: model_id } = await client.models.create({ name: 'planes', type: 'custom' })
    await client.versions.import({ model_id, file: convolution() })
    const { quantization } = await client.versions.quantize({ model_id, version: '1.0.0' })
    expect(quantization).toMatchObject({ operators: { Conv: 1 }, weights: 1728, measured_on: 'synthetic_input' })
    const { id: dataset_id } = await aDataset(client)
    await expect(client.versions.quantize({ model_id, version: '1.0.0', dataset_id })).rejects.toMatchObject({
      kind: 'invalid',
      details: { errors: [{ field: 'dataset_id' }] },
    })
  })

  it('refuses what cannot be quantized, in words', async () => {
    const dataset_id = (await aDataset(client)).id
    for (const algorithm of ['gradient_boosting', 'logistic_regression']) {
      await aTrainedModel(client, { algorithm, model_name: algorithm.replace('_', '-'), dataset_id })
    }
    const quantize = (model_id: string, version = '1.0.0', more = {}) =>
      client.versions.quantize({ model_id, version, ...more })
    const refusal = (code: string, message: string) => ({
      kind: 'invalid',
      code,
      message: expect.stringContaining(message),
    })
    await expect(quantize('gradient-boosting')).rejects.toMatchObject(refusal('MODEL_NOT_QUANTIZABLE', 'made of trees'))
    await expect(quantize('logistic-regression')).rejects.toMatchObject(
      refusal('MODEL_NOT_QUANTIZABLE', 'fewer than 1024 weights'),
    )
    await expect(quantize('net', '1.1.0')).rejects.toMatchObject(refusal('MODEL_ALREADY_QUANTIZED', 'MatMulInteger'))
    await expect(quantize('net', '3.0.0')).rejects.toMatchObject(refusal('MODEL_ALREADY_QUANTIZED', 'FP16'))
    await expect(quantize('net', '9.9.9')).rejects.toMatchObject({ code: 'VERSION_NOT_FOUND' })
    await expect(quantize('net', '1.0.0', { new_version: '1.1.0' })).rejects.toMatchObject({
      kind: 'conflict',
      code: 'VERSION_EXISTS',
    })
    const metric = { promotion: { metric: 'rmse' } }
    await expect(quantize('net', '1.0.0', metric)).rejects.toMatchObject({
      details: { errors: [{ field: 'promotion.metric', message: expect.stringContaining('classification') }] },
    })
    const other = (await aDataset(client, aTableOf('classes'), 'classes')).id
    await expect(quantize('net', '1.0.0', { dataset_id: other })).rejects.toMatchObject({ kind: 'invalid' })
    // As many columns, of which one is another: their order says nothing.
    const towns = aTable().map(({ city, ...row }) => ({ town: city, ...row }))
    const another = (await aDataset(client, towns)).id
    await expect(quantize('net', '1.0.0', { dataset_id: another })).rejects.toMatchObject({
      details: { errors: [{ field: 'dataset_id', message: expect.stringContaining('lacks city') }] },
    })
  })
})
