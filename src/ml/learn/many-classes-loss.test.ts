// Both kernels against each other (not close, equal), and against the loss as it is written down.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { manyClassesLoss } from './many-classes-loss.ts'
import { openSoftmax } from './softmax-kernel.ts'
import { dense, farthest, randomRows } from './testing.ts'

const ROOT = join(import.meta.dirname, '../../..')
const folder = mkdtempSync(join(tmpdir(), 'softmax-'))
let module: WebAssembly.Module

beforeAll(() => {
  const file = join(folder, 'softmax.wasm')
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const [, ...args] = scripts['kernel:softmax']!.replace(/-o \S+/, `-o ${file}`).split(' ')
  execFileSync(process.execPath, [join(ROOT, 'node_modules/assemblyscript/bin/asc.js'), ...args], { cwd: ROOT })
  module = new WebAssembly.Module(readFileSync(file))
})
afterAll(() => rmSync(folder, { recursive: true }))

interface Case {
  readonly rows: number
  readonly cols: number
  readonly classes: number
  readonly weighted?: boolean
  readonly intercept?: boolean
  /** Size of the parameters. */
  readonly far?: number
}

function aProblem({ rows, cols, classes, weighted = false, intercept = true, far = 1 }: Case) {
  const random = seededRandom(rows + cols + classes)
  const matrix = dense(randomRows(3, { rows, cols }))
  const labels = Int32Array.from({ length: rows }, () => random.integer(classes))
  const weights = weighted ? Float64Array.from({ length: rows }, () => 3 * random.next()) : undefined
  const totalWeight = weights ? weights.reduce((a, b) => a + b) : rows
  const at = Float64Array.from({ length: (cols + Number(intercept)) * classes }, () => far * random.normal())
  return { at, input: { matrix, labels, weights, totalWeight, l2: 0.5, intercept, classes } }
}

function evaluated(given: Case, kernel: WebAssembly.Module | null): Float64Array {
  const { at, input } = aProblem(given)
  const objective = manyClassesLoss({ ...input, module: kernel })
  const gradient = new Float64Array(objective.size).fill(9)
  // Twice, because the second time finds what the first one left.
  objective.evaluate(
    at.map((value) => value / 2),
    gradient,
  )
  return Float64Array.of(objective.evaluate(at, gradient), ...gradient)
}

/** Row by row, as the formula says. */
function byTheFormula(given: Case): Float64Array {
  const { at, input } = aProblem(given)
  const { matrix, labels, weights, totalWeight, l2, classes, intercept } = input
  const { cols } = matrix
  let loss = 0
  const gradient = new Float64Array(at.length)
  labels.forEach((label, row) => {
    const features = [...matrix.values.subarray(row * cols, (row + 1) * cols), ...(intercept ? [1] : [])]
    const scores = Array.from({ length: classes }, (_, k) =>
      features.reduce((sum, value, j) => sum + value * at[j * classes + k]!, 0),
    )
    const top = Math.max(...scores)
    const total = scores.reduce((sum, score) => sum + Math.exp(score - top), 0)
    const weight = weights ? weights[row]! : 1
    loss += weight * (Math.log(total) - (scores[label]! - top))
    scores.forEach((score, k) => {
      const residual = weight * (Math.exp(score - top) / total - Number(k === label))
      features.forEach((value, j) => {
        gradient[j * classes + k]! += residual * value
      })
    })
  })
  const penalised = at.subarray(0, cols * classes)
  const penalty = penalised.reduce((sum, value) => sum + (0.5 * l2 * value * value) / totalWeight, 0)
  return Float64Array.of(
    loss / totalWeight + penalty,
    ...gradient.map((sum, i) => (i < penalised.length ? sum + l2 * at[i]! : sum) / totalWeight),
  )
}

const CASES: readonly Case[] = [
  { rows: 300, cols: 7, classes: 33 },
  { rows: 257, cols: 1, classes: 40, weighted: true },
  { rows: 3, cols: 2, classes: 35, intercept: false },
  { rows: 61, cols: 12, classes: 101, weighted: true, intercept: false },
  { rows: 64, cols: 5, classes: 64, far: 400 },
]

describe.each(CASES)('rows $rows × $cols of $classes classes', (given) => {
  it('are learned from to the same last bit by both kernels', () => {
    expect(evaluated(given, module)).toEqual(evaluated(given, null))
  })

  it('have the loss and the gradient of the formula', () => {
    const expected = byTheFormula(given)
    expect(farthest(evaluated(given, module), expected)).toBeLessThan(1e-12 * Math.max(1, expected[0]!))
  })
})

it('is no number where the parameters are none, by both kernels', () => {
  const { at, input } = aProblem({ rows: 9, cols: 3, classes: 34 })
  for (const [place, value] of [
    [5, Number.NaN],
    [7, Number.POSITIVE_INFINITY],
  ] as const) {
    for (const kernel of [module, null]) {
      const objective = manyClassesLoss({ ...input, module: kernel })
      const loss = objective.evaluate(Float64Array.from(at).fill(value, place, place + 1), new Float64Array(at.length))
      expect(loss).toBeNaN()
    }
  }
})

it('is computed by the compiled kernel where there is one', () => {
  expect(openSoftmax({ cols: 2, classes: 33 }, module).values.buffer.byteLength).toBeGreaterThan(100_000)
  expect(openSoftmax({ cols: 2, classes: 33 }, null).values.buffer.byteLength).toBe(2048)
})
