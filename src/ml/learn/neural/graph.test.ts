// The gradients are taken from the graph itself: after the first step the running mean of a gradient is a tenth of it.
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../core/random.ts'
import { graphEngine } from '../../../runtime/graph-engine.ts'
import type { GraphTensor } from '../../engine.ts'
import { dense, farthest, sparse } from '../testing.ts'
import { bagOf } from './bag.ts'
import { type GraphOptions, lossGraph, stepGraph } from './graph.ts'
import { emptyParameters, layersOf } from './network.ts'

const ROWS = 7
const random = seededRandom(3)
const normals = (count: number, scale = 1) => Float32Array.from({ length: count }, () => scale * random.normal())
const float32 = (data: Float32Array, ...dims: number[]): GraphTensor => ({ type: 'float32', dims, data })

function problem(options: GraphOptions) {
  const { sizes, sparse } = options.shape
  const width = sparse ? sizes[1]! : sizes[0]! + 1
  const x = normals(ROWS * width)
  if (!sparse) for (let row = 0; row < ROWS; row++) x[(row + 1) * width - 1] = 1
  const y: GraphTensor =
    options.task === 'classification'
      ? { type: 'int32', dims: [ROWS, 1], data: Int32Array.from({ length: ROWS }, (_, i) => i % sizes.at(-1)!) }
      : float32(normals(ROWS), ROWS, 1)
  const weight = float32(
    Float32Array.from({ length: ROWS }, (_, i) => (1 + (i % 3)) / ROWS / 2),
    ROWS,
    1,
  )
  const rest = normals(emptyParameters(options.shape).rest.length, 0.7)
  return { rest, x, width, data: { y, weight } }
}

type Problem = ReturnType<typeof problem>

const feedsOf = ({ rest, x, width, data }: Problem): Record<string, GraphTensor> => ({
  ...data,
  x: float32(x, ROWS, width),
  ...(rest.length > 0 && { rest: float32(rest, rest.length) }),
})

async function firstStep(options: GraphOptions, given: Problem, extra: Record<string, GraphTensor> = {}) {
  const { length } = given.rest
  const feeds = { ...feedsOf(given), ...extra }
  const fetches = ['loss', ...(options.shape.sparse ? ['slope'] : [])]
  if (length > 0) {
    feeds.m = float32(new Float32Array(length), length)
    feeds.v = float32(new Float32Array(length), length)
    feeds.rate = float32(Float32Array.of(0.01), 1)
    fetches.push('next', 'next_m', 'next_v')
  }
  const session = await graphEngine.open(stepGraph(options))
  const outputs = await session.run(feeds, fetches)
  await session.close()
  return (name: string) => outputs[name]!.data as Float32Array
}

const shapes: readonly GraphOptions[] = [
  {
    shape: { sizes: [3, 5, 4, 3], activation: 'tanh', sparse: false },
    task: 'classification',
    dropout: false,
    weightDecay: false,
  },
  {
    shape: { sizes: [3, 5, 4, 1], activation: 'tanh', sparse: true },
    task: 'regression',
    dropout: false,
    weightDecay: false,
  },
  {
    shape: { sizes: [4, 6, 2], activation: 'relu', sparse: true },
    task: 'classification',
    dropout: false,
    weightDecay: false,
  },
  {
    shape: { sizes: [4, 3], activation: 'relu', sparse: true },
    task: 'classification',
    dropout: false,
    weightDecay: false,
  },
  {
    shape: { sizes: [2, 1], activation: 'relu', sparse: false },
    task: 'regression',
    dropout: false,
    weightDecay: false,
  },
]

describe('the step graph', () => {
  it.each(shapes)('has the gradient of the loss: $shape.sizes $task $shape.activation', async (options) => {
    const given = problem(options)
    const got = await firstStep(options, given)
    const session = await graphEngine.open(lossGraph(options))
    const lossAt = async (changed: Problem) =>
      ((await session.run(feedsOf(changed), ['loss'])).loss!.data as Float32Array)[0]!
    expect(await lossAt(given)).toBeCloseTo(got('loss')[0]!, 6)
    const gradients = {
      ...(given.rest.length > 0 && { rest: got('next_m').map((mean) => mean * 10) }),
      ...(options.shape.sparse && { x: got('slope') }),
    }
    for (const [name, gradient] of Object.entries(gradients)) {
      for (let i = 0; i < gradient.length; i += 3) {
        const values = given[name as 'rest' | 'x']
        const moved = (by: number) => ({ ...given, [name]: values.with(i, values[i]! + by) })
        const slope = ((await lossAt(moved(0.01))) - (await lossAt(moved(-0.01)))) / 0.02
        expect(Math.abs(slope - gradient[i]!)).toBeLessThan(2e-3)
      }
    }
    await session.close()
  })

  it('takes the steps of Adam', async () => {
    const options = shapes[0]!
    const given = problem(options)
    const got = await firstStep(options, given)
    got('next_m').forEach((mean, i) => {
      const gradient = mean * 10
      expect(got('next_v')[i]).toBeCloseTo(0.001 * gradient ** 2, 6)
      const moved = (0.01 * mean) / (Math.sqrt(0.001 * gradient ** 2) + 1e-8)
      expect(got('next')[i]).toBeCloseTo(given.rest[i]! - moved, 4)
    })
  })

  it('pulls weights and not constants where weights decay', async () => {
    const options: GraphOptions = { ...shapes[0]!, weightDecay: true }
    const given = problem(options)
    const plain = await firstStep({ ...options, weightDecay: false }, given)
    const pulled = await firstStep(options, given, { decay: float32(Float32Array.of(0.5), 1) })
    for (const { inputs, outputs, offset } of layersOf(options.shape)) {
      for (let i = 0; i < (inputs + 1) * outputs; i++) {
        const pull = i < inputs * outputs ? 0.5 * given.rest[offset + i]! : 0
        expect(pulled('next')[offset + i]).toBeCloseTo(plain('next')[offset + i]! - pull, 5)
      }
    }
  })

  it('learns nothing through outputs that are dropped', async () => {
    const options: GraphOptions = { ...shapes[0]!, dropout: true }
    const given = problem(options)
    const keep = (width: number) =>
      float32(
        Float32Array.from({ length: ROWS * width }, (_, i) => (i % width === 0 ? 0 : 2)),
        ROWS,
        width,
      )
    const got = await firstStep(options, given, { keep_0: keep(5), keep_1: keep(4) })
    const first = layersOf(options.shape)[0]!
    for (let row = 0; row <= first.inputs; row++) {
      expect(got('next_m')[row * first.outputs]).toBe(0)
      expect(got('next_m')[row * first.outputs + 1]).not.toBe(0)
    }
  })
})

describe('a bag of embeddings', () => {
  const matrix = sparse(
    dense([
      [1, 0, 0, 2],
      [0, 3, 0, 0],
      [0, 0, 0, 0],
      [-1, 0, 0, 1],
    ]),
  )
  const rows = Uint32Array.of(3, 0)
  const table = normals(5 * 2)
  const dot = (row: number[]) => [0, 1].map((k) => row.reduce((sum, value, j) => sum + value * table[2 * j + k]!, 0))

  it('adds up the rows of its table', () => {
    const expected = [...dot([-1, 0, 0, 1, 1]), ...dot([1, 0, 0, 2, 1])]
    expect(farthest(bagOf(matrix, table).forward(rows), expected)).toBeLessThan(1e-5)
  })

  it('takes the steps of Adam in the rows that were used, and leaves the others', () => {
    const after = table.slice()
    bagOf(matrix, after).learn(rows, Float32Array.of(1, 2, 3, 4), { rate: 0.01, decay: 0.5 })
    const gradient = [-1 + 3, -2 + 4, 0, 0, 0, 0, 1 + 6, 2 + 8, 4, 6]
    const expected = gradient.map((slope, i) => {
      const step = slope === 0 ? 0 : (0.01 * 0.1 * slope) / Math.sqrt(0.001 * slope * slope)
      const pull = slope === 0 || i >= 8 ? 0 : 0.5 * table[i]!
      return table[i]! - step - pull
    })
    expect(farthest(after, expected)).toBeLessThan(1e-6)
  })
})
