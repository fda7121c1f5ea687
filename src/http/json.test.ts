import { describe, expect, it } from 'vitest'
import { toJson } from './json.ts'

describe('toJson', () => {
  it('writes a BigInt with all its digits', () => {
    expect(toJson({ a: [9007199254740993n, 1n] })).toBe('{"a":[9007199254740993,1]}')
  })

  it('writes what is not a number as null', () => {
    expect(toJson([Number.NaN, Number.POSITIVE_INFINITY, undefined])).toBe('[null,null,null]')
    expect(toJson(undefined)).toBe('null')
  })
})
