// The WebAssembly kernel, compiled from its source here, against the plain one: not close, equal.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seededRandom } from '../../../core/random.ts'
import { classTarget, dense, numberTarget, randomRows } from '../testing.ts'
import { type Arena, openArena, SPLIT_FIELDS } from './arena.ts'
import { fitBoosting } from './gradient-boosting.ts'
import { type Kernel, plainKernel } from './kernel.ts'
import { openKernel } from './kernel-wasm.ts'

const ROOT = join(import.meta.dirname, '../../../..')
const BINS = 40
const folder = mkdtempSync(join(tmpdir(), 'kernel-'))
let module: WebAssembly.Module

beforeAll(() => {
  const file = join(folder, 'kernel.wasm')
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const [, ...args] = scripts['kernel:trees']!.replace(/-o \S+/, `-o ${file}`).split(' ')
  execFileSync(process.execPath, [join(ROOT, 'node_modules/assemblyscript/bin/asc.js'), ...args], { cwd: ROOT })
  module = new WebAssembly.Module(readFileSync(file))
})
afterAll(() => rmSync(folder, { recursive: true }))

/** The same random arena twice: rows with gradients, bins and an order. */
function anArena(seed: number, { rows, features }: { rows: number; features: number }): Arena {
  const random = seededRandom(seed)
  const arena = openArena({
    rows,
    features,
    bins: features * BINS,
    outputs: 2,
    slots: 3,
    parts: 2,
    leaves: 0,
    threads: 1,
    ahead: 2,
  })
  for (let j = 0; j <= features; j++) arena.offsets[j] = j * BINS
  for (let i = 0; i < arena.gradients.length; i++) arena.gradients[i] = i % 2 ? random.next() : random.normal()
  for (let i = 0; i < arena.bins.length; i++) arena.bins[i] = random.integer(BINS)
  for (let i = 0; i < arena.columns.length; i++) arena.columns[i] = random.integer(BINS)
  for (let i = 0; i < rows; i++) arena.order[i] = (i * 7) % rows
  for (let bin = 0; bin < BINS; bin++) arena.sides[bin] = random.integer(2)
  return arena
}

function bothWays(
  seed: number,
  size: { rows: number; features: number },
  work: (kernel: Kernel, arena: Arena) => unknown,
) {
  const [a, b] = [anArena(seed, size), anArena(seed, size)]
  const wasm = openKernel(b, module)
  const results = [work(plainKernel(a), a), work(wasm, b)]
  expect(results[1]).toEqual(results[0])
  for (const name of ['histograms', 'splits', 'order', 'spare'] as const)
    expect(b[name].slice()).toEqual(a[name].slice())
  expect(a.histograms.some((value) => value !== 0)).toBe(true)
}

const SIZES = [1, 3, 4, 7, 30].map((features) => ({ rows: 501, features }))

describe('the WebAssembly kernel', () => {
  it.each(SIZES)('adds, takes away, scans and divides as the plain one does: %o', (size) => {
    bothWays(size.features, size, (kernel, arena) => {
      const features = { from: size.features > 4 ? 2 : 0, to: size.features }
      kernel.histogram({ output: 1, start: 3, count: 490, slot: 1, part: 0, ...features })
      kernel.histogram({ output: 1, start: 3, count: 120, slot: 2, part: 1, ...features })
      kernel.subtract({ whole: 1, part: 2 }, features)
      kernel.histogram({ output: 0, start: 7, count: 90, slot: 0, part: 1, ...features })
      kernel.add({ whole: 2, part: 0 }, features)
      const histogram = arena.histograms.subarray(2 * arena.plan.bins, 4 * arena.plan.bins)
      for (let feature = features.from; feature < features.to; feature++) {
        for (const missing of [-1, BINS - 1]) {
          let [gradient, hessian] = [0, 0]
          for (let i = feature * BINS; i < (feature + 1) * BINS; i++) {
            gradient += histogram[2 * i]!
            hessian += histogram[2 * i + 1]!
          }
          const at = (feature + (missing < 0 ? 0 : size.features)) * SPLIT_FIELDS
          const rest = {
            l2: 0.5,
            least: hessian / 50,
            whole: (gradient * gradient) / hessian,
            record: arena.splits,
            at,
          }
          kernel.scan({ histogram, start: feature * BINS, bins: BINS, missing, gradient, hessian, ...rest })
        }
      }
      const left = kernel.part(size.features - 1, { start: 9, count: 300 })
      return [left, kernel.divide(size.features - 1, { start: 5, count: 480, place: 0 })]
    })
  })

  it('tries missing values alone on the left also where no row is in the first bin', () => {
    const records = [null, module].map((one) => {
      const arena = anArena(1, { rows: 10, features: 1 })
      const [bins, gap] = [BINS - 1, BINS - 1]
      arena.histograms.fill(0)
      for (const [bin, g] of [
        [3, 4],
        [7, 5],
        [gap, -20],
      ] as const)
        arena.histograms.set([g, 5], 2 * bin)
      const scan = {
        start: 0,
        bins: bins + 1,
        missing: gap,
        gradient: -11,
        hessian: 15,
        l2: 1,
        least: 1,
        whole: 7,
        at: 0,
      }
      openKernel(arena, one).scan({ ...scan, histogram: arena.histograms, record: arena.splits })
      return arena.splits.slice(0, 5)
    })
    expect([...records[0]!]).toEqual([400 / 6 + 81 / 11 - 7, 0, 1, -20, 5])
    expect(records[1]).toEqual(records[0])
  })

  it('is done without where the build has not made it', () => {
    const arena = anArena(1, { rows: 10, features: 2 })
    const kernel = openKernel(arena, null)
    expect(kernel.histogram.toString()).toBe(plainKernel(arena).histogram.toString())
  })
})

it('trees grown with either are equal: categories, gaps, bounds and all', async () => {
  const rows = randomRows(17, { rows: 1500, cols: 5 }).map(([a, b, c, d, e], i) => [
    a!,
    i % 9 === 0 ? Number.NaN : b!,
    Math.round(Math.abs(c!) * 20),
    d!,
    e!,
  ])
  const features = ['number', 'number', 'category', 'number', 'number'].map((kind, i) => ({
    name: `f${i}`,
    column: `f${i}`,
    kind: kind as 'number' | 'category',
  }))
  const labels = rows.map(([a, b, c], i) => (a! * (b || 1) > 0.3 ? 1 : 0) + (c! % 7 > 3 && i % 11 > 0 ? 1 : 0))
  const hyperparameters = { n_estimators: 15, subsample: 0.8, colsample: 0.8, monotone_constraints: { f3: 1 } }
  const input = { matrix: dense(rows), features, target: classTarget(labels), hyperparameters }
  const [plain, fast] = [await fitBoosting(input, { kernel: null }), await fitBoosting(input, { kernel: module })]
  expect(fast.ensemble).toEqual(plain.ensemble)
})

describe('threads', () => {
  it.each([2, 3, 5])('grow the same trees: %i', async (threads) => {
    const rows = randomRows(31, { rows: 2000, cols: 4 })
    const input = { matrix: dense(rows), target: numberTarget(rows.map(([a, b, c]) => a! * b! + Math.abs(c!))) }
    const alone = await fitBoosting({ ...input, hyperparameters: { n_estimators: 8, threads: 1 } })
    const together = await fitBoosting({ ...input, hyperparameters: { n_estimators: 8, threads } })
    expect(together.ensemble).toEqual(alone.ensemble)
  })

  it.each([
    ['few leaves', { max_leaves: 7 }],
    ['a depth that is reached everywhere', { max_depth: 4, max_leaves: 16 }],
    ['level by level', { grow_policy: 'depthwise', max_leaves: 21 }],
    ['bounds and a column that is drawn or not', { monotone_constraints: { f1: 1 }, colsample: 0.7, max_leaves: 40 }],
  ])('grow the same trees though leaves are split ahead of their turn: %s', async (_, given) => {
    const rows = randomRows(32, { rows: 3000, cols: 4 }).map(([a, b, c, d], i) => [
      a!,
      b!,
      Math.round(Math.abs(c!) * 30),
      i % 5 === 0 ? Number.NaN : d!,
    ])
    const features = ['number', 'number', 'category', 'number'].map((kind, i) => ({
      name: `f${i}`,
      column: `f${i}`,
      kind: kind as 'number' | 'category',
    }))
    const target = classTarget(
      rows.map(([a, b, c], i) => (i % 13 ? Number(a! > 0) + Number(b! * (c! - 20) > 0) : i % 3)),
    )
    const fitted = (threads: number, engine = {}) =>
      fitBoosting(
        { matrix: dense(rows), features, target, hyperparameters: { n_estimators: 6, threads, ...given } },
        engine,
      )
    const alone = await fitted(1)
    expect(alone.ensemble!.trees.some(({ value }) => value.length > 12)).toBe(true)
    for (const threads of [2, 3]) expect((await fitted(threads)).ensemble).toEqual(alone.ensemble)
    const cramped = { histogramBytes: 20_000 }
    expect((await fitted(2, cramped)).ensemble).toEqual((await fitted(1, cramped)).ensemble)
  })

  it('grow the same trees where a leaf is added up in parts, with either kernel', async () => {
    const random = seededRandom(5)
    const rows = 70_000
    const values = Float32Array.from({ length: 3 * rows }, () => random.normal())
    const target = classTarget(Array.from({ length: rows }, (_, i) => Number(values[3 * i]! * values[3 * i + 1]! > 0)))
    const matrix = { form: 'dense' as const, rows, cols: 3, values }
    const fitted = (threads: number, kernel: WebAssembly.Module | null) =>
      fitBoosting({ matrix, target, hyperparameters: { n_estimators: 2, subsample: 0.95, threads } }, { kernel })
    const alone = await fitted(1, null)
    expect(alone.ensemble!.trees[1]!.value.length).toBeGreaterThan(20)
    for (const threads of [1, 2, 3]) expect((await fitted(threads, module)).ensemble).toEqual(alone.ensemble)
  })
})
