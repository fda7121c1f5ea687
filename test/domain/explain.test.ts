// `explain: true` over the API, for models of every origin: whatever the method, the contributions and the base value make
// the score, and the score is the answer. Models of other tools lie beside the project; without them those are skipped.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Type } from 'typebox'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import type { Explanation } from '../../src/contract/explanations.ts'
import { defineModel } from '../../src/domain/serving/index.ts'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { refusal } from '../helpers/failing.ts'

const FOLDER = resolve(import.meta.dirname, '../../../shared/data/onnx')
const present = existsSync(FOLDER)
if (!present) process.stderr.write(`skipped: explaining models of other tools (no folder ${FOLDER})\n`)

const Trip = Type.Object(
  { days: Type.Integer(), city: Type.String(), note: Type.Optional(Type.String()) },
  {
    examples: [
      { days: 1, city: 'Bonn' },
      { days: 5, city: 'Oslo', note: 'x' },
    ],
  },
)

const models = [
  defineModel({
    name: 'price',
    input: Trip,
    output: Type.Number(),
    predict: ({ days, city }) => days * 10 + (city === 'Oslo' ? 100 : 0),
  }),
  defineModel({
    name: 'wordless',
    input: Type.Object({ code: Type.String({ minLength: 3 }) }),
    output: Type.Number(),
    predict: () => 1,
  }),
]

/** Sum of the parts, which every explanation must close. */
function total({ base_value, contributions }: Explanation): number {
  return contributions.reduce((sum, { contribution }) => sum + contribution, base_value)
}

const logistic = (score: number) => 1 / (1 + Math.exp(-score))

describe('explaining', () => {
  let app: TestApp
  let client: MlClient
  beforeAll(async () => {
    app = await startApp({ worker: false, models })
    client = app.client
  })
  afterAll(() => app.stop())

  let made = 0
  async function imported(type: 'classification' | 'regression', file: Uint8Array, labels?: string[]) {
    made++
    const { id: model_id } = await client.models.create({ name: `explained-${made}`, type })
    const { version } = await client.versions.import({
      model_id,
      file,
      trusted: true,
      ...(labels && { labels }),
    })
    await client.models.deploy({ model_id, version })
    return model_id
  }
  const fileOf = (name: string) => readFileSync(join(FOLDER, name, 'model.onnx'))
  const explained = async (model_id: string, input_data: number[]) => {
    const answer = await client.models.predict({ model_id, input_data, explain: true })
    return { answer, explanation: answer.explanation! }
  }

  describe.skipIf(!present)('a model of another tool', () => {
    it('takes a linear regression apart exactly', async () => {
      const model_id = await imported('regression', fileOf('sklearn-linearregression-dec4'))
      const { answer, explanation } = await explained(model_id, [1, -2, 0.5, 3])
      expect(explanation).toMatchObject({
        method: 'linear',
        space: 'value',
        output: 'prediction',
        background: 'synthesised',
      })
      expect(explanation.score).toBeCloseTo(answer.prediction as number, 4)
      expect(total(explanation)).toBeCloseTo(explanation.score, 9)
      expect(explanation.contributions.map(({ column }) => column).sort()).toEqual(
        [0, 1, 2, 3].map((i) => `input[${i}]`),
      )
    })

    it.each(['sklearn-reggradientboostingregressor', 'sklearn-regrandomforestregressor'])(
      'asks trees whose file does not say how many rows they saw: %s',
      async (name) => {
        const model_id = await imported('regression', fileOf(name))
        const { answer, explanation } = await explained(model_id, [1, -2])
        expect(explanation).toMatchObject({ method: 'sampled_shapley', space: 'value' })
        expect(total(explanation)).toBeCloseTo(answer.prediction as number, 5)
      },
    )

    it('asks a classifier that answers labels only whether the label stays', async () => {
      const model_id = await imported('classification', fileOf('sklearn-bindecisiontreeclassifier'))
      const { answer, explanation } = await explained(model_id, [1, -2])
      expect(explanation).toMatchObject({
        method: 'sampled_shapley',
        space: 'probability',
        output: String(answer.prediction),
      })
      expect(total(explanation)).toBeCloseTo(1, 9)
      expect(explanation.sampling?.exact).toBe(true)
    })
  })

  it('takes a forest apart whose file says how many rows its branches saw', async () => {
    const model_id = await imported('classification', stump(), ['no', 'yes'])
    const { answer, explanation } = await explained(model_id, [1, 0])
    expect(answer.prediction).toBe('yes')
    expect(explanation).toMatchObject({ method: 'tree_shap', space: 'log_odds', output: 'yes' })
    // 30 of 40 rows went to the leaf of -1, 10 to that of 2, and the other column is never asked.
    expect(explanation.base_value).toBeCloseTo((30 * -1 + 10 * 2) / 40, 6)
    expect(explanation.contributions[0]).toMatchObject({ column: 'x[0]', value: 1 })
    expect(explanation.contributions[1]).toMatchObject({ column: 'x[1]', contribution: 0 })
    expect(logistic(total(explanation))).toBeCloseTo(answer.confidence!, 5)
    const other = await explained(model_id, [0, 0])
    expect(other.explanation).toMatchObject({ output: 'no' })
    expect(logistic(total(other.explanation))).toBeCloseTo(other.answer.confidence!, 5)
  })

  it('explains text, numbers and vectors of a graph it knows nothing about', async () => {
    const model_id = await imported('regression', mixed())
    const input_data = { word: 'red', 'v[0]': 2, 'v[1]': -1 }
    const { prediction, explanation } = await client.models.predict({ model_id, input_data, explain: true })
    expect(explanation).toMatchObject({ method: 'sampled_shapley' })
    expect(total(explanation!)).toBeCloseTo(prediction as number, 5)
    expect(explanation!.contributions.find(({ column }) => column === 'word')).toMatchObject({ value: 'red' })
    const again = await client.models.predict({ model_id, input_data, explain: true })
    expect(again.explanation).toEqual(explanation)
  })

  it('explains a model written in code by the members of its input', async () => {
    const input_data = { days: 3, city: 'Oslo' }
    const answer = await client.models.predict({ model_id: 'price', input_data, explain: true })
    expect(answer.explanation).toMatchObject({ base_value: (10 + 150) / 2, score: 130, sampling: { exact: true } })
    const [city, ...others] = answer.explanation!.contributions
    expect(city).toMatchObject({ column: 'city', value: 'Oslo', contribution: expect.closeTo(50, 9) })
    expect(others.map(({ contribution }) => contribution)).toEqual([expect.closeTo(0, 9), expect.closeTo(0, 9)])
  })

  it('explains every good row of a batch, and of /inference', async () => {
    const input_data = [{ days: 3, city: 'Oslo' }, { days: 'x' }, { days: 1, city: 'Bonn' }]
    const batch = await client.models.predict_batch({ model_id: 'price', input_data, explain: true })
    expect(batch.predictions.map(({ explanation }) => explanation?.score)).toEqual([130, undefined, 10])
    const features = [input_data[0]!, input_data[2]!]
    const { results } = await client.inference({ model_id: 'price', features, explain: true })
    const named = (of: (typeof batch.predictions)[number]) =>
      Object.fromEntries(of.explanation!.contributions.map(({ column, contribution }) => [column, contribution]))
    expect(results.map(({ explanation }) => explanation)).toEqual(
      [batch.predictions[0]!, batch.predictions[2]!].map(named),
    )
  })

  it('says what it cannot explain, and how many rows are too many', async () => {
    const wordless = await refusal(
      client.models.predict({ model_id: 'wordless', input_data: { code: 'abc' }, explain: true }),
    )
    expect(wordless).toMatchObject({ code: 'EXPLANATION_UNAVAILABLE' })
    const input_data = Array.from({ length: 101 }, () => ({ days: 1, city: 'Bonn' }))
    const many = await refusal(client.models.predict_batch({ model_id: 'price', input_data, explain: true }))
    expect(many).toMatchObject({ code: 'EXPLANATION_TOO_LARGE' })
  })

  it('compares with the rows of a dataset where one was given at the import', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({ a: i < 30 ? 1 : 0, b: i, y: 1 }))
    const { id: dataset_id } = await client.datasets.create({ name: 'rows', rows, target: 'y' })
    const { id: model_id } = await client.models.create({ name: 'compared', type: 'classification' })
    const file = stump()
    await client.versions.import({ model_id, file, labels: ['no', 'yes'], dataset_id })
    await client.models.deploy({ model_id, version: '1.0.0' })
    const { explanation } = await explained(model_id, [1, 0])
    expect(explanation).toMatchObject({ method: 'tree_shap', background: 'dataset' })
    const found = await client.versions.explanation({ model_id, version: '1.0.0' })
    expect(found.background).toEqual({ origin: 'dataset', rows: 40, dataset_id })
    const { id: other } = await client.datasets.create({
      name: 'other',
      rows: [
        { z: 1, y: 0 },
        { z: 2, y: 1 },
      ],
      target: 'y',
    })
    const refused = await refusal(client.versions.import({ model_id, file, labels: ['no', 'yes'], dataset_id: other }))
    expect(refused).toMatchObject({ code: 'VALIDATION_ERROR' })
  })

  it('has nothing to tell of an imported version as a whole', async () => {
    const model_id = await imported('classification', stump(), ['no', 'yes'])
    const found = await client.versions.explanation({ model_id, version: '1.0.0' })
    expect(found).toMatchObject({ method: null, importance: [], background: { origin: 'synthesised', rows: 0 } })
  })
})

/** x[0] <= 0.5 ? -1 : 2 as log-odds, from 30 and 10 rows. */
function stump(): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('x', 'float32', ['N', 2])
  const [, probabilities] = graph.nodes('TreeEnsembleClassifier', [x], 2, {
    domain: 'ai.onnx.ml',
    attributes: {
      classlabels_int64s: { ints: [0, 1] },
      nodes_treeids: { ints: [0, 0, 0] },
      nodes_nodeids: { ints: [0, 1, 2] },
      nodes_featureids: { ints: [0, 0, 0] },
      nodes_values: { floats: [0.5, 0, 0] },
      nodes_modes: { strings: ['BRANCH_LEQ', 'LEAF', 'LEAF'] },
      nodes_truenodeids: { ints: [1, 0, 0] },
      nodes_falsenodeids: { ints: [2, 0, 0] },
      nodes_hitrates: { floats: [40, 30, 10] },
      class_treeids: { ints: [0, 0] },
      class_nodeids: { ints: [1, 2] },
      class_ids: { ints: [0, 0] },
      class_weights: { floats: [-1, 2] },
      post_transform: { string: 'LOGISTIC' },
    },
  })
  graph.output('probabilities', probabilities!, 'float32', ['N', 2])
  return graph.build({ name: 'stump' })
}

/** v0² · v1 + 3 if the word is red: nothing that could be taken apart. */
function mixed(): Uint8Array {
  const graph = new GraphBuilder()
  const word = graph.input('word', 'string', ['N', 1])
  const v = graph.input('v', 'float32', ['N', 2])
  const red = graph.node('LabelEncoder', [word], {
    domain: 'ai.onnx.ml',
    attributes: { keys_strings: { strings: ['red'] }, values_floats: { floats: [3] }, default_float: { float: 0 } },
  })
  const powers = graph.constant('powers', { type: 'float32', dims: [2], data: Float32Array.of(2, 1) })
  const axis = graph.constant('axis', { type: 'int64', dims: [1], data: [1] })
  const product = graph.node('ReduceProd', [graph.node('Pow', [v, powers]), axis])
  graph.output('y', graph.node('Add', [product, red]), 'float32', ['N', 1])
  return graph.build({ name: 'mixed' })
}
