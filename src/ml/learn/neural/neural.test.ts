import { describe, expect, it } from 'vitest'
import { graphEngine } from '../../../runtime/graph-engine.ts'
import type { Matrix } from '../../matrix.ts'
import { GraphBuilder } from '../../onnx/graph.ts'
import type { FitInput, FittedModel, LearningTarget } from '../learner.ts'
import { classTarget, dense, farthest, numberTarget, randomRows, sparse } from '../testing.ts'
import { fitNeural } from './neural.ts'

const learned = (matrix: Matrix, target: LearningTarget, hyperparameters: object, more: Partial<FitInput> = {}) =>
  fitNeural({ matrix, target, hyperparameters: { ...hyperparameters }, engine: graphEngine, ...more })

/** Which of four corners, by the signs of two numbers: no line parts opposite corners. */
const points = randomRows(4, { rows: 300, cols: 3 })
const corners = dense(points)
const opposite = points.map((row) => Number(row[0]! * row[1]! > 0))
const quick = { learning_rate: 0.01, epochs: 40, hidden_layers: [16] }

function right(model: FittedModel, matrix: Matrix, labels: readonly number[]): number {
  const { values, width } = model.predict(matrix)
  const hits = labels.filter((label, row) => {
    const own = [...values.subarray(row * width, (row + 1) * width)]
    return own.indexOf(Math.max(...own)) === label
  })
  return hits.length / labels.length
}

async function served(model: FittedModel, { rows, cols, values }: ReturnType<typeof dense>) {
  const graph = new GraphBuilder()
  model.write(graph, graph.input('features', 'float32', ['N', cols]))
  const session = await graphEngine.open(graph.build({ name: 'test' }))
  const output = model.predict(dense([Array(cols).fill(0)])).width > 1 ? 'probabilities' : 'prediction'
  const outputs = await session.run({ features: { type: 'float32', dims: [rows, cols], data: values } }, [output])
  await session.close()
  return outputs[output]!.data as Float32Array
}

describe('a neural network', () => {
  it.each([
    ['relu', {}],
    ['tanh', { activation: 'tanh' }],
    ['with dropout', { dropout: 0.1 }],
    ['in one batch', { batch_size: 1000, epochs: 150 }],
  ])('learns what no linear model can: %s', async (_, settings) => {
    const model = await learned(corners, classTarget(opposite), { ...quick, epochs: 80, ...settings })
    expect(right(model, corners, opposite)).toBeGreaterThan(0.9)
  })

  it('learns the same from sparse rows, whose first layer is a table', async () => {
    const rows = randomRows(8, { rows: 300, cols: 40, zeros: 0.9 })
    const labels = rows.map((row) => Number(row.slice(0, 20).reduce((a, b) => a + b, 0) > 0))
    const [a, b] = await Promise.all(
      [dense(rows), sparse(dense(rows))].map((m) => learned(m, classTarget(labels), quick)),
    )
    expect(right(a!, dense(rows), labels)).toBeGreaterThan(0.9)
    expect(right(b!, sparse(dense(rows)), labels)).toBeGreaterThan(0.9)
    expect(farthest(b!.predict(dense(rows)).values, b!.predict(sparse(dense(rows))).values)).toBeLessThan(1e-12)
  })

  it('predicts numbers in their own unit', async () => {
    const values = points.map((row) => 5000 + 1000 * Math.abs(row[0]!))
    const model = await learned(corners, numberTarget(values), { ...quick, epochs: 100 })
    const { values: said } = model.predict(corners)
    const error = Math.sqrt(values.reduce((sum, value, row) => sum + (value - said[row]!) ** 2, 0) / values.length)
    expect(error).toBeLessThan(200)
  })

  it.each([
    ['two classes', classTarget(opposite), {}],
    [
      'three classes',
      classTarget(points.map((row) => Math.min(2, Math.floor(Math.abs(row[0]!))))),
      { activation: 'tanh' },
    ],
    ['numbers', numberTarget(points.map((row) => 40 + 7 * row[0]!)), {}],
    ['no hidden layer', classTarget(opposite), { hidden_layers: [] }],
  ] as const)('is written as the graph that says what it says: %s', async (_, target, settings) => {
    const model = await learned(corners, target, { ...quick, epochs: 5, ...settings })
    const far = dense(points.map((row) => [row[0]! * 1e6, row[1]!, row[2]!]))
    for (const rows of [corners, far]) {
      const expected = model.predict(rows).values
      const size = target.task === 'regression' ? 40 : 1
      expect(farthest(await served(model, rows), expected) / size).toBeLessThan(1e-5)
    }
  })

  it('is the same for the same seed, and another one for another', async () => {
    const values = async (seed: number) =>
      (await learned(corners, classTarget(opposite), { ...quick, epochs: 3, dropout: 0.2 }, { seed })).predict(corners)
        .values
    const first = await values(1)
    expect(farthest(await values(1), first)).toBe(0)
    expect(farthest(await values(2), first)).toBeGreaterThan(0.001)
  })

  it('stops where rows kept aside gain no more, and keeps the best weights', async () => {
    const noise = classTarget(points.map((_, row) => row % 2))
    const model = await learned(corners, noise, { ...quick, epochs: 200, hidden_layers: [64], early_stopping: 3 })
    expect(model.iterations).toBeLessThan(60)
    expect(model.converged).toBe(true)
    const all = await learned(corners, noise, { ...quick, epochs: 12, early_stopping: 0 })
    expect(all.iterations).toBe(12)
  })

  it('is not surer of few rows than it may be', async () => {
    const rows = randomRows(11, { rows: 1120, cols: 12 })
    const labels = randomRows(12, { rows: 1120, cols: 1 }).map(([noise], i) => Number(rows[i]![0]! + 2 * noise! > 0))
    const model = await learned(dense(rows.slice(0, 120)), classTarget(labels.slice(0, 120)), {})
    const { values } = model.predict(dense(rows.slice(120)))
    const losses = labels.slice(120).map((label, row) => -Math.log(values[2 * row + label]!))
    // Half and half costs log 2; a hundred epochs over these rows, 2.3.
    expect(losses.reduce((a, b) => a + b, 0) / losses.length).toBeLessThan(Math.log(2))
    expect(model.iterations).toBeLessThan(40)
  })

  it('says so where more epochs would have been better', async () => {
    const model = await learned(corners, classTarget(opposite), { ...quick, epochs: 2 })
    expect(model.warnings[0]).toContain('more epochs')
    expect(model.converged).toBe(false)
  })

  it('weighs rare classes up where it is asked to', async () => {
    const labels = points.map((row, i) => Number(i % 20 === 0 && row[2]! > -1))
    const share = async (class_weight: string) => {
      const { values } = (await learned(corners, classTarget(labels), { ...quick, epochs: 10, class_weight })).predict(
        corners,
      )
      return labels.filter((_, row) => values[2 * row + 1]! > 0.5).length
    }
    expect(await share('none')).toBeLessThan(10)
    expect(await share('balanced')).toBeGreaterThan(40)
  })

  it('counts a row as often as it weighs', async () => {
    const labels = points.map(() => 0).map((_, row) => row % 2)
    const sampleWeights = Float64Array.from(labels, (label) => (label === 1 ? 9 : 1))
    const model = await learned(
      corners,
      classTarget(labels),
      { ...quick, epochs: 10, hidden_layers: [] },
      { sampleWeights },
    )
    const { values } = model.predict(corners)
    expect(values.reduce((sum, value, i) => sum + (i % 2 === 1 ? value : 0), 0) / labels.length).toBeGreaterThan(0.75)
  })
})

it('judges and learns as if rows of weight 0 were not there', async () => {
  const counted = (row: number) => row % 5 === 0
  const sampleWeights = Float64Array.from(points, (_, row) => Number(counted(row)))
  const own = points.filter((_, row) => counted(row))
  const labels = opposite.filter((_, row) => counted(row))
  const weighted = await learned(corners, classTarget(opposite), quick, { sampleWeights })
  expect(weighted.predict(corners)).toEqual((await learned(dense(own), classTarget(labels), quick)).predict(corners))
})

describe('learning', () => {
  it('tells how far it is, from epoch to epoch', async () => {
    const told: { iteration: number; done: number }[] = []
    await learned(
      corners,
      classTarget(opposite),
      { ...quick, epochs: 4 },
      { hooks: { onProgress: (one) => told.push(one) } },
    )
    expect(new Set(told.map((one) => one.iteration))).toEqual(new Set([1, 2, 3, 4]))
    expect(told.map((one) => one.done)).toEqual(told.map((one) => one.done).sort((a, b) => a - b))
    expect(told.at(-1)!.done).toBe(1)
  })

  it('stops within a step of being told to', async () => {
    const stop = new AbortController()
    let steps = 0
    const onProgress = () => {
      if (++steps === 3) stop.abort()
    }
    const hooks = { onProgress, signal: stop.signal }
    await expect(learned(corners, classTarget(opposite), quick, { hooks })).rejects.toThrow('cancelled')
    expect(steps).toBe(3)
  })

  it('hears a stop that arrives as an event meanwhile', async () => {
    const stop = new AbortController()
    setImmediate(() => stop.abort())
    const hooks = { signal: stop.signal }
    const endless = { ...quick, epochs: 10_000, early_stopping: 0 }
    await expect(learned(corners, classTarget(opposite), endless, { hooks })).rejects.toThrow('cancelled')
  })

  it('says that it diverged rather than keeping weights that are no numbers', async () => {
    const wild = { learning_rate: 1, epochs: 500, hidden_layers: [32, 32, 32], weight_decay: 10, early_stopping: 0 }
    const fits = learned(corners, numberTarget(points.map((row) => row[0]!)), wild)
    await expect(fits).rejects.toMatchObject({ code: 'TRAINING_DIVERGED' })
  })

  it('copes with two rows, one feature and a thousand units', async () => {
    const model = await learned(dense([[0], [1]]), classTarget([0, 1]), { epochs: 30, hidden_layers: [1000] })
    expect(right(model, dense([[0], [1]]), [0, 1])).toBe(1)
  })

  it('refuses more weights than fit in memory', async () => {
    const wide: Matrix = {
      form: 'csr',
      rows: 4,
      cols: 200_000,
      offsets: Uint32Array.of(0, 1, 2, 3, 4),
      indices: Uint32Array.of(0, 5, 0, 9),
      values: Float32Array.of(1, 1, 1, 1),
    }
    await expect(learned(wide, classTarget([0, 1, 0, 1]), { hidden_layers: [4096] })).rejects.toThrow('hidden_layers')
  })
})
