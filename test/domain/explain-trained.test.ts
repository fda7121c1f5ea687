// Explanations of versions trained here, over the API: categories and words come back as the columns a person knows, and
// what matters to a version is what its table was made of.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import type { Explanation } from '../../src/contract/explanations.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { aDataset, aTable, aTableOf, aTrainedModel, CUSTOMER, someTickets } from '../helpers/builders.ts'

function total({ base_value, contributions }: Explanation): number {
  return contributions.reduce((sum, { contribution }) => sum + contribution, base_value)
}

const OF_TWO = {
  average: 'log_odds',
  members: [
    { algorithm: 'logistic_regression', hyperparameters: {}, weight: 1 },
    { algorithm: 'gradient_boosting', hyperparameters: { n_estimators: 20 }, weight: 2 },
  ],
}

const logistic = (score: number) => 1 / (1 + Math.exp(-score))

describe('explaining what was trained here', () => {
  let app: TestApp
  let client: MlClient
  beforeAll(async () => {
    app = await startApp()
    client = app.client
  })
  afterAll(() => app.stop())

  const explain = async (model_id: string, input_data: Record<string, unknown>) => {
    const answer = await client.models.predict({ model_id, input_data, explain: true })
    return { answer, explanation: answer.explanation! }
  }

  it.each([
    ['logistic_regression', 'linear', {}],
    ['gradient_boosting', 'tree_shap', {}],
    ['gradient_boosting', 'tree_shap', { n_estimators: 10 }],
    ['blend', 'tree_shap', OF_TWO],
  ])('takes %s apart exactly, for either class', async (algorithm, method, hyperparameters) => {
    const model_name = `two-${algorithm.replace('_', '-')}-${JSON.stringify(hyperparameters).length}`
    await aTrainedModel(client, {
      model_name,
      algorithm,
      hyperparameters,
      dataset_id: (await aDataset(client, aTable({ rows: 300 }))).id,
    })
    for (const row of [CUSTOMER, { age: 21, income: 21_000, city: 'Rome' }, { age: 40, city: 'Nowhere' }]) {
      const { answer, explanation } = await explain(model_name, row)
      expect(explanation).toMatchObject({
        method,
        space: 'log_odds',
        output: String(answer.prediction),
        background: 'training_rows',
      })
      expect(total(explanation)).toBeCloseTo(explanation.score, 6)
      expect(logistic(explanation.score)).toBeCloseTo(answer.confidence!, 4)
    }
    const { explanation } = await explain(model_name, { age: 40, city: 'Oslo' })
    expect(explanation.contributions.map(({ column }) => column).sort()).toEqual(['age', 'city', 'income'])
    expect(explanation.contributions.find(({ column }) => column === 'income')).toMatchObject({ value: null })
  })

  it('takes a forest of two classes apart exactly, for either class', async () => {
    const model_name = 'two-forest'
    const { id } = await aDataset(client, aTable({ rows: 300 }))
    await aTrainedModel(client, { model_name, algorithm: 'random_forest', dataset_id: id })
    const outputs = new Set<string>()
    for (const row of [CUSTOMER, { age: 21, income: 21_000, city: 'Rome' }, { age: 40, city: 'Nowhere' }]) {
      const { answer, explanation } = await explain(model_name, row)
      outputs.add(explanation.output)
      expect(explanation).toMatchObject({ method: 'tree_shap', space: 'probability', background: 'training_rows' })
      expect(explanation.output).toBe(String(answer.prediction))
      expect(total(explanation)).toBeCloseTo(explanation.score, 6)
      expect(explanation.score).toBeCloseTo(answer.confidence!, 4)
    }
    expect(outputs.size).toBe(2)
  })

  it.each([
    ['logistic_regression', 'linear'],
    ['gradient_boosting', 'tree_shap'],
  ])('explains the predicted one of several classes: %s', async (algorithm, method) => {
    const model_name = `three-${algorithm.replace('_', '-')}`
    const { id } = await aDataset(client, aTableOf('classes', { rows: 240 }), 'classes')
    await aTrainedModel(client, { model_name, algorithm, dataset_id: id })
    const { answer, explanation } = await explain(model_name, CUSTOMER)
    expect(explanation).toMatchObject({ method, output: answer.prediction, space: 'log_odds' })
    expect(total(explanation)).toBeCloseTo(explanation.score, 6)
    expect(explanation.contributions[0]!.column).toBe('age')
  })

  it('lists the words of a text under its column', async () => {
    const { id } = await aDataset(client, someTickets(), 'priority')
    await aTrainedModel(client, { model_name: 'tickets', algorithm: 'logistic_regression', dataset_id: id })
    const { answer, explanation } = await explain('tickets', { text: 'server down in the office' })
    expect(answer.prediction).toBe('high')
    const [text] = explanation.contributions
    expect(text).toMatchObject({ column: 'text', value: 'server down in the office' })
    const named = text!.features!.map(({ feature }) => feature)
    expect(named.some((feature) => feature.startsWith('text:') && /server|down/.test(feature))).toBe(true)
    expect(total(explanation)).toBeCloseTo(explanation.score, 6)
    expect(logistic(explanation.score)).toBeCloseTo(answer.confidence!, 4)
  })

  it.each(['logistic_regression', 'gradient_boosting'])(
    'gives a category as its column, one of its features: %s',
    async (algorithm) => {
      const model_name = `cities-${algorithm.replace('_', '-')}`
      const rows = Array.from({ length: 200 }, (_, i) => {
        const city = ['Rome', 'Oslo', 'Bonn', 'Kyiv'][i % 4]!
        return { city, age: 20 + ((i * 7) % 50), bought: city === 'Oslo' || i % 23 === 0 ? 1 : 0 }
      })
      await aTrainedModel(client, { model_name, algorithm, dataset_id: (await aDataset(client, rows)).id })
      const { answer, explanation } = await explain(model_name, { city: 'Oslo', age: 40 })
      expect(answer.prediction).toBe(1)
      expect(explanation.contributions.map(({ column }) => column)).toEqual(['city', 'age'])
      const [city] = explanation.contributions
      expect(city).toMatchObject({ value: 'Oslo' })
      expect(city!.contribution).toBeGreaterThan(1)
      expect(total(explanation)).toBeCloseTo(explanation.score, 6)
      const parts = city!.features ?? []
      const sum = parts.reduce((sum, { contribution }) => sum + contribution, 0)
      if (parts.length > 0) expect(sum).toBeCloseTo(city!.contribution, 6)
      expect(parts.every(({ feature }) => feature.startsWith('city'))).toBe(true)
    },
  )

  it('asks a neural network about every mixture, and what it finds adds up to the answer', async () => {
    const { id } = await aDataset(client, aTable({ rows: 200 }))
    const hyperparameters = { epochs: 20 }
    await aTrainedModel(client, { model_name: 'net', algorithm: 'neural_network', dataset_id: id, hyperparameters })
    const { answer, explanation } = await explain('net', CUSTOMER)
    expect(explanation).toMatchObject({ method: 'sampled_shapley', background: 'training_rows' })
    expect(explanation.sampling).toMatchObject({ exact: true })
    expect(explanation.contributions.map(({ column }) => column).sort()).toEqual(['age', 'city', 'income'])
    expect(total(explanation)).toBeCloseTo(explanation.score, 6)
    const probability = explanation.space === 'log_odds' ? logistic(explanation.score) : explanation.score
    expect(probability).toBeCloseTo(answer.confidence!, 4)
  })

  it('tells what matters to a version: importance, partial dependence and the background', async () => {
    const { id } = await aDataset(client, aTableOf('number', { rows: 300 }), 'number')
    const request = { model_name: 'amounts', model_type: 'regression', dataset_id: id } as const
    await aTrainedModel(client, { ...request, algorithm: 'linear_regression' })
    const found = await client.versions.explanation({ model_id: 'amounts', version: '1.0.0' })
    expect(found).toMatchObject({
      method: 'linear',
      space: 'value',
      metric: 'rmse',
      background: { origin: 'training_rows' },
    })
    expect(found.importance[0]).toMatchObject({ column: 'age' })
    expect(found.importance[0]!.permutation).toBeGreaterThan(found.importance.at(-1)!.permutation!)
    const age = found.partial_dependence.find(({ column }) => column === 'age')!
    const [first, last] = [age.points[0]!, age.points.at(-1)!]
    // The table was made with 2 a year.
    const slope = (last.predictions[0]! - first.predictions[0]!) / (Number(last.value) - Number(first.value))
    expect(slope).toBeCloseTo(2, 0)
    const city = found.partial_dependence.find(({ column }) => column === 'city')!
    expect(city.points.map(({ value }) => value).sort()).toEqual(['Bonn', 'Oslo', 'Rome'])
    expect(city.points.every(({ predictions }) => predictions.length === city.outputs.length)).toBe(true)
  })
})
