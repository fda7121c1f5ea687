import { expect, test } from 'vitest'
import { amountWarnings } from './amounts.ts'

const warned = (words: readonly string[]) =>
  amountWarnings({ rows: words.length, columns: new Map([['x', { form: 'text', values: words }]]) }, ['x']).length > 0
const twelve = (word: (i: number) => string) => Array.from({ length: 12 }, (_, i) => word(i + 10))

test.each([
  ['amounts in dollars', (i: number) => `$1,2${i}.50`],
  ['amounts in euros', (i: number) => `1.2${i},50 €`],
  ['negative amounts', (i: number) => `-$${i}`],
  ['amounts in brackets', (i: number) => `($${i}.00)`],
  ['shares', (i: number) => `${i}.5%`],
  ['thousands', (i: number) => `${i},000,000`],
])('%s are named', (_, word) => expect(warned(twelve(word))).toBe(true))

test.each([
  ['codes', (i: number) => `E${i}`],
  ['postcodes', (i: number) => `${i}00-12`],
  ['dates', (i: number) => `${i}.10.2024`],
  ['versions', (i: number) => `1.${i}.3`],
  ['phone numbers', (i: number) => `+49 30 1234${i}`],
  ['sentences with an amount', (i: number) => `costs $${i}`],
])('%s are not', (_, word) => expect(warned(twelve(word))).toBe(false))

test('a few different ones are categories', () => expect(warned(['$1', '$2', '$1', '$2'])).toBe(false))
