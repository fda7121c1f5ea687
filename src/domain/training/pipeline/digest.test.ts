import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Column } from '../../../ml/table.ts'
import { rowDigests } from './digest.ts'

it('digests of rows are equal for equal rows, and for no others', () => {
  const cells = fc.record({
    number: fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(Number.NaN), fc.double()),
    code: fc.integer({ min: -1, max: 2 }),
    text: fc.option(fc.string({ maxLength: 3 })),
  })
  fc.assert(
    fc.property(fc.array(cells, { minLength: 1, maxLength: 60 }), (rows) => {
      const columns = new Map<string, Column>([
        [
          'n',
          { form: 'number', values: Float64Array.from(rows, ({ number }) => (Object.is(number, -0) ? 0 : number)) },
        ],
        ['c', { form: 'category', codes: Int32Array.from(rows, ({ code }) => code), dictionary: ['a', 'b', 'c'] }],
        ['t', { form: 'text', values: rows.map(({ text }) => text) }],
      ])
      const digests = rowDigests({ rows: rows.length, columns }, ['n', 'c', 't'])
      const words = rows.map(({ number, code, text }) => JSON.stringify([String(number), code, text]))
      expect(new Set(digests).size).toBe(new Set(words).size)
    }),
  )
})
