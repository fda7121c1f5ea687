import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../core/random.ts'
import { GraphBuilder } from '../onnx/graph.ts'
import { type Column, selectRows, type Table } from '../table.ts'
import { encodeTable } from './encode-table.ts'
import { type Encoding, fitEncoding } from './encoding.ts'
import { aColumn, aTable, categories, numbers, rowsOf, served, startSession, texts, trained } from './testing.ts'

const COLUMNS = [
  aColumn('amount', 'number'),
  aColumn('flag', 'boolean'),
  aColumn('when', 'datetime'),
  aColumn('job', 'string'),
  aColumn('note', 'text'),
]

const odd = fc.double({ noDefaultInfinity: false })
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null })
const cell = fc.oneof(fc.string({ unit: 'binary' }), fc.lorem(), fc.constantFrom('', ' ', '\0', 'aa bb'))

/** Tables with anything in them. */
const anyTable = (rows: number) => {
  const of = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { minLength: rows, maxLength: rows })
  return fc
    .record({
      amount: of(odd).map((values) => numbers(...values)),
      flag: of(fc.constantFrom(0, 1, Number.NaN)).map((values) => numbers(...values)),
      when: of(fc.oneof(fc.integer({ min: -1e12, max: 2e12 }), odd)).map((values) => numbers(...values)),
      job: of(maybe(fc.oneof(fc.constantFrom('a', 'b'), cell))).map((values) => categories(...values)),
      note: of(maybe(cell)).map((values) => texts(...values)),
    })
    .map((columns: Record<string, Column>) => aTable(columns))
}

/** 60 rows whose text has some hundred distinct words, so that the encoding is sparse. */
function wideTable(): Table {
  const random = seededRandom(3)
  const text = () => Array.from({ length: 1 + random.integer(9) }, () => `w${random.integer(400)}`).join(' ')
  return aTable({
    amount: numbers(...Array.from({ length: 60 }, () => random.normal())),
    job: categories(...Array.from({ length: 60 }, () => (random.next() < 0.1 ? null : `job ${random.integer(5)}`))),
    note: texts(...Array.from({ length: 60 }, () => (random.next() < 0.1 ? null : text()))),
  })
}
const WIDE = [aColumn('amount', 'number'), aColumn('job', 'string'), aColumn('note', 'text')]
const fitWide = (table = wideTable()) => fitEncoding(table, WIDE, { text: { minDocuments: 1 } })

const graphBytes = (encoding: Encoding) => {
  const graph = new GraphBuilder()
  graph.output('y', encoding.write(graph), 'float32', ['N', encoding.width])
  return Buffer.from(graph.build({ name: 'encoding' }))
}

/** The runtime's sines and cosines differ in their last bits between the middle and the end of a batch. */
function expectClose(actual: readonly number[][], expected: readonly number[][]): void {
  const far = actual.flatMap((row, i) =>
    row.filter((x, j) => !(Math.abs(x - expected[i]![j]!) <= 1e-6 * Math.max(1, Math.abs(x)))),
  )
  expect([actual.length, far]).toEqual([expected.length, []])
}

describe('encodings', () => {
  it('give finite values for anything they are fed, whatever they were fitted on', async () => {
    const anchor = { amount: 1, other: 2 }
    await fc.assert(
      fc.asyncProperty(anyTable(6), anyTable(5), fc.constantFrom('standard', 'none'), async (fitted, fed, scale) => {
        const withAnchor = (table: Table): Table => ({
          rows: table.rows,
          columns: new Map([
            ...table.columns,
            [
              'anchor',
              numbers(...Array.from({ length: table.rows }, (_, i) => (i % 2 ? anchor.amount : anchor.other))),
            ],
          ]),
        })
        const columns = [...COLUMNS, aColumn('anchor', 'number')]
        const encoding = fitEncoding(withAnchor(fitted), columns, { scale, text: { characters: [1, 3] } })
        for (const row of await served(encoding, withAnchor(fed)))
          expect(row.filter((x) => !Number.isFinite(x))).toEqual([])
        for (const table of [fitted, fed]) {
          const rows = await served(encoding, withAnchor(table))
          expectClose(rowsOf(await trained(encoding, withAnchor(table))), rows)
        }
      }),
      { numRuns: 25, seed: 11 },
    )
  })

  it('give a row the same values in whatever company and order', async () => {
    const table = wideTable()
    const encoding = fitWide(table)
    const whole = await served(encoding, table)
    const order = Uint32Array.of(59, 3, 3, 17, 0)
    expect(await served(encoding, selectRows(table, order))).toEqual([...order].map((row) => whole[row]))
  })

  it('write the same bytes for the same table, and for its rows in another order', () => {
    const backwards = selectRows(
      wideTable(),
      Uint32Array.from({ length: 60 }, (_, i) => 59 - i),
    )
    const bytes = graphBytes(fitWide())
    expect(graphBytes(fitWide()).equals(bytes)).toBe(true)
    const [forward, backward] = [fitWide(), fitWide(backwards)]
    expect(backward.featureNames).toEqual(forward.featureNames)
  })

  it('name the source column of every feature', () => {
    const encoding = fitWide()
    encoding.featureNames.forEach((name, i) => {
      expect(name.startsWith(encoding.inputs[encoding.featureColumns[i]!]!.name)).toBe(true)
    })
    expect(encoding.featureColumns.length).toBe(encoding.width)
  })

  it('refuse a table without the column, naming it', () => {
    expect(() => fitEncoding(wideTable(), [aColumn('absent', 'number')])).toThrow('"absent"')
  })

  it('take columns whose names are operators or output names', async () => {
    const table = aTable({ Concat: numbers(1, 2), training_features_0: numbers(3, 4), constructor: numbers(0, 1) })
    const encoding = fitEncoding(
      table,
      [...table.columns.keys()].map((name) => aColumn(name, 'number')),
    )
    expect(rowsOf(await trained(encoding, table))).toEqual(await served(encoding, table))
  })
})

describe('encodeTable', () => {
  it('gives CSR with ascending indices, equal to what serving computes', async () => {
    const table = wideTable()
    const encoding = fitWide(table)
    expect(encoding.sparse).toBe(true)
    const matrix = await trained(encoding, table)
    if (matrix.form !== 'csr') throw new Error('dense')
    expect(rowsOf(matrix)).toEqual(await served(encoding, table))
    expect(matrix.values.every((value) => value !== 0)).toBe(true)
    for (let row = 0; row < matrix.rows; row++) {
      const indices = [...matrix.indices.subarray(matrix.offsets[row], matrix.offsets[row + 1])]
      expect(indices).toEqual([...new Set(indices)].sort((a, b) => a - b))
    }
  })

  it('gives the same whatever the batches: one long text among short ones', async () => {
    const table = wideTable()
    const long = texts('w1 w2 w3 '.repeat(40_000), ...Array.from({ length: 59 }, (_, i) => `w${i} w2`))
    const mixed: Table = { rows: 60, columns: new Map([...table.columns, ['note', long]]) }
    const encoding = fitWide(table)
    expect(rowsOf(await trained(encoding, mixed))).toEqual(await served(encoding, mixed))
  })

  it('gives a dense matrix for narrow tables of more rows than a batch', async () => {
    const table = aTable({ x: numbers(...Array.from({ length: 10_001 }, (_, i) => i)) })
    const encoding = fitEncoding(table, [aColumn('x', 'number')], { scale: 'none' })
    const matrix = await trained(encoding, table)
    expect(matrix.form).toBe('dense')
    expect([...matrix.values].every((value, i) => value === i)).toBe(true)
  })

  it('stops between batches when told to', async () => {
    const encoding = fitWide()
    const run = await startSession(encoding.trainingGraph().bytes)
    const signal = AbortSignal.abort(new Error('cancelled'))
    await expect(encodeTable(encoding, wideTable(), run, { signal })).rejects.toThrow('cancelled')
  })
})

it('every feature says what it is', () => {
  const table = aTable({
    n: numbers(1, 2, 3, 4),
    c: categories('a', 'a', 'b', 'b'),
    t: texts('red car', 'red', 'blue car', 'blue'),
  })
  const columns = [aColumn('n', 'number'), aColumn('c', 'string'), aColumn('t', 'text')]
  const { features } = fitEncoding(table, columns, { categories: 'ordinal', text: { words: [1, 1] } })
  expect(features.slice(0, 3)).toEqual([
    { name: 'n', column: 'n', kind: 'number' },
    { name: 'c', column: 'c', kind: 'category', categories: 4 },
    { name: 't:blue', column: 't', kind: 'token' },
  ])
})
