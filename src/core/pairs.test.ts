import { expect, it } from 'vitest'
import { pairsOf } from './pairs.ts'

it('reads pairs as OpenTelemetry writes them', () => {
  expect(pairsOf('')).toEqual({})
  expect(pairsOf('a=1, b = x%20y ,c=d=e,d=')).toEqual({ a: '1', b: 'x y', c: 'd=e', d: '' })
})

it.each(['a', '=1', 'a=1,b', 'a=%zz'])('does not read %s', (text) => expect(pairsOf(text)).toBeUndefined())
