import { expect, it } from 'vitest'
import { someRows } from './sample.ts'

const labelled = (labels: Int32Array, classes: readonly string[]) => ({
  table: { rows: labels.length, columns: new Map() },
  target: { task: 'classification' as const, dtype: 'string' as const, classes, labels },
})
const countsOf = ({ target }: ReturnType<typeof someRows>, classes: number): number[] => {
  if (target.task === 'regression') return []
  return Array.from({ length: classes }, (_, k) => target.labels.filter((label) => label === k).length)
}

it('rows drawn for a comparison hold what there is of a rare class', () => {
  const labels = Int32Array.from({ length: 50_000 }, (_, row) => (row % 10_000 === 7 ? 1 : row % 1000 === 8 ? 2 : 0))
  const some = someRows(labelled(labels, ['usual', 'rarest', 'rare']), 4000, 1)
  expect(countsOf(some, 3).slice(1)).toEqual([5, 20])
  expect(some.table.rows).toBeLessThan(4050)
  expect(someRows(labelled(labels, ['usual', 'rarest', 'rare']), 4000, 1).target).toEqual(some.target)
})

it('many classes do not crowd out each other', () => {
  const labels = Int32Array.from({ length: 20_000 }, (_, row) => row % 5000)
  const some = someRows(labelled(labels, Array.from({ length: 5000 }, String)), 4000, 1)
  expect(some.table.rows).toBe(4000)
})
