// Sorting a table into bins is the same whoever does it.
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../../core/random.ts'
import type { Matrix } from '../../matrix.ts'
import { openSorting, type Sorting } from './arena.ts'
import { type Found, helpToSort, type SortTask, sortTable } from './bin-table.ts'
import { READ } from './control.ts'
import { openTraining, type TrainingSetup } from './training.ts'

const ROWS = 300
const COLS = 21
const KINDS = Array.from({ length: COLS }, (_, j) => (j % 5 === 2 ? ('category' as const) : ('number' as const)))
const TASK: SortTask = { kinds: KINDS, options: { maxBins: 255, minRowsPerBin: 1, seed: 0 } }

function aMatrix(): Matrix & { form: 'dense' } {
  const random = seededRandom(3)
  const cell = (j: number) => {
    if (j % 5 === 2) return random.integer(300) - 1
    return j % 7 === 0 && random.next() < 0.2 ? Number.NaN : random.normal()
  }
  const values = Float32Array.from({ length: ROWS * COLS }, (_, i) => (i % 3 === 0 ? 0 : cell(i % COLS)))
  return { form: 'dense', rows: ROWS, cols: COLS, values }
}

function sparse({ rows, cols, values }: Matrix): Matrix {
  const entries = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: cols }, (_, j) => j).filter((j) => values[row * cols + j] !== 0),
  )
  let sum = 0
  return {
    form: 'csr',
    rows,
    cols,
    offsets: Uint32Array.of(0, ...entries.map((own) => (sum += own.length))),
    indices: Uint32Array.from(entries.flat()),
    values: Float32Array.from(entries.flatMap((own, row) => own.map((j) => values[row * cols + j]!))),
  }
}

const opened = () => openSorting({ rows: ROWS, features: COLS, outputs: 1, leaves: 4, threads: 1, ahead: 1 })
const inOrder = (found: Found) => Array.from({ length: COLS }, (_, j) => found.get(j))

function alone(matrix: Matrix): { sorting: Sorting; found: Found } {
  const sorting = opened()
  return { sorting, found: sortTable(matrix, sorting, TASK) }
}

describe('a table in bins', () => {
  it('is the same from a sparse matrix as from a dense one', () => {
    const [dense, csr] = [alone(aMatrix()), alone(sparse(aMatrix()))]
    expect(csr.sorting.columns.slice()).toEqual(dense.sorting.columns.slice())
    expect(inOrder(csr.found)).toEqual(inOrder(dense.found))
    expect(new Set(dense.sorting.columns).size).toBeGreaterThan(100)
  })

  it('is the same when a helper sorts what has been read', () => {
    const { values } = aMatrix()
    const wanted = alone(aMatrix())
    const sorting = opened()
    for (let j = 0; j < 8; j++)
      for (let row = 0; row < ROWS; row++) sorting.values[j * ROWS + row] = values[row * COLS + j]!
    Atomics.store(sorting.control, READ, 8)
    const plan = { ...sorting.plan, features: 8 }
    const found = helpToSort({ ...sorting, plan }, TASK)
    expect([...found.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(sorting.columns.slice(0, 8 * ROWS)).toEqual(wanted.sorting.columns.slice(0, 8 * ROWS))
    for (const [feature, bins] of found) expect(bins).toEqual(wanted.found.get(feature))
  })

  it.each([2, 4])('is the same for %i threads, as rows and as columns', async (threads) => {
    const setup = {
      matrix: aMatrix(),
      features: KINDS.map((kind, j) => ({ name: `f${j}`, column: `f${j}`, kind })),
      monotone: KINDS.map(() => 0),
      targets: new Float64Array(ROWS),
      outputs: 1,
      gradients: { loss: 'squared', alpha: 0.5 },
      rules: { maxLeaves: 4 },
      maxBins: 255,
      seed: 0,
    }
    const open = (count: number) => openTraining({ ...setup, threads: count } as unknown as TrainingSetup)
    const [one, several] = [await open(1), await open(threads)]
    for (const { team } of [one, several]) team.end()
    expect(several.bins).toEqual(one.bins)
    expect(several.arena.columns.slice()).toEqual(one.arena.columns.slice())
    expect(several.arena.bins.slice()).toEqual(one.arena.bins.slice())
    expect(one.arena.bins[one.arena.stride + 1]).toBe(one.arena.columns[ROWS + 1])
  })
})
