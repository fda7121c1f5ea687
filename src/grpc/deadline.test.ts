import { expect, it } from 'vitest'
import { deadlineMsOf } from './deadline.ts'

it.each([
  [undefined, undefined],
  ['1S', 1000],
  ['250m', 250],
  ['2000u', 2],
  ['500000n', 0.5],
  ['3M', 180_000],
  ['99999999H', 2 ** 31 - 1],
  ['', Number.NaN],
  ['1', Number.NaN],
  ['-1S', Number.NaN],
  ['123456789S', Number.NaN],
])('a deadline of %s is %s ms', (header, ms) => {
  expect(deadlineMsOf(header)).toBe(ms)
})
