import { expect, it } from 'vitest'
import { readGraph } from '../onnx/nodes.ts'
import { fitEncoding } from './encoding.ts'
import type { EncodingChoices } from './options.ts'
import { aColumn, aTable, numbers, served } from './testing.ts'

const DAY = 86_400_000
const START = Date.UTC(2024, 0, 1)
const ROWS = 40
/** Dates that vary in other parts: all, no time of day, no season, the time of day alone, and with gaps. */
const KINDS: readonly ((row: number) => number)[] = [
  (row) => START + row * 5.3 * DAY,
  (row) => START + row * 5 * DAY,
  (row) => START + row * 0.7 * DAY,
  (row) => START + row * 1000,
  (row) => (row % 7 === 3 ? Number.NaN : START - row * 3.1 * DAY),
]

function dates(count: number) {
  const names = Array.from({ length: count }, (_, k) => `date ${k}`)
  const columns = names.map((name, k) => {
    const date = KINDS[k % KINDS.length]!
    return [name, numbers(...Array.from({ length: ROWS }, (_, row) => date(row + k)))] as const
  })
  return { table: aTable(Object.fromEntries(columns)), columns: names.map((name) => aColumn(name, 'datetime')) }
}

it.each<EncodingChoices>([{}, { scale: 'none', missing: 'keep' }, { scale: 'none', missing: 'keep', dates: 'plain' }])(
  'dates among others have the features they have alone: %j',
  async (choices) => {
    const { table, columns } = dates(11)
    const together = fitEncoding(table, columns, choices)
    const rows = await served(together, table)
    for (const column of columns) {
      const alone = fitEncoding(table, [column], choices)
      const places = alone.featureNames.map((name) => together.featureNames.indexOf(name))
      expect(places.length).toBeGreaterThan(1)
      // The engine rounds some zeros from below and others from above.
      const unsigned = (rows: readonly (readonly number[])[]) => rows.map((row) => row.map((value) => value + 0))
      const own = rows.map((row) => places.map((place) => row[place]!))
      expect(unsigned(own)).toEqual(unsigned(await served(alone, table)))
    }
  },
)

it('hundreds of dates are not many more nodes than a few: the engine takes minutes to load a node for each', () => {
  const nodes = (count: number) => {
    const { table, columns } = dates(count)
    return readGraph(fitEncoding(table, columns).trainingGraph().bytes).nodes.length
  }
  expect(nodes(400)).toBe(nodes(10))
})
