import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MlError } from './failure.ts'
import { parseJson } from './json.ts'
import { firstError } from './json-position.ts'

function refusal(text: string): MlError {
  try {
    parseJson(text)
  } catch (error) {
    if (error instanceof MlError) return error
    throw error
  }
  throw new Error('was accepted')
}

describe('parseJson', () => {
  it('names line and column of the break', () => {
    const failure = refusal('{\n  "a": 1,\n  "b": x\n}')
    expect(failure).toMatchObject({ kind: 'malformed', code: 'MALFORMED_JSON', details: { line: 3, column: 8 } })
    expect(failure.message).toBe('The request body is not JSON: unexpected "x" at line 3, column 8')
  })

  it('says when a text ends too early', () => {
    expect(refusal('{"a": [1, 2').message).toContain('the text ends too early at line 1, column 12')
  })

  it('does not look for the break of a long text, which would hold up everybody else', () => {
    const failure = refusal(`[${'1,'.repeat(600_000)}`)
    expect(failure).toMatchObject({ kind: 'malformed', code: 'MALFORMED_JSON', details: undefined })
    expect(failure.message).toContain('too long to say where')
  })

  it.each([
    '',
    ' ',
    '{',
    '{"a"}',
    '{"a":1,}',
    '[1,]',
    '[1 2]',
    '"a',
    '"\\x"',
    '"\u0001"',
    'nul',
    '01',
    '1.',
    '- 1',
    '{a:1}',
    '[]]',
    '1 1',
  ])('refuses %j at the place where it breaks', (text) => {
    const offset = refusal(text).details?.offset as number
    expect(offset).toBeGreaterThanOrEqual(0)
    expect(offset).toBeLessThanOrEqual(text.length)
  })

  it('finds no break in any JSON text', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), fc.nat(3), (text, indent) => {
        const spaced = JSON.stringify(JSON.parse(text), null, indent)
        expect(firstError(spaced)).toBe(spaced.length)
      }),
    )
  })

  it('finds the break that a foreign character makes, or the word it broke', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3, noUnicodeString: true }), fc.nat(), (text, place) => {
        const at = place % (text.length + 1)
        const broken = `${text.slice(0, at)}\u0000${text.slice(at)}`
        const offset = Number(refusal(broken).details?.offset)
        expect(offset).toBeLessThanOrEqual(at)
        expect(broken.slice(offset, at)).toMatch(/^(?:[-.]|e[-+]?|[a-z]{0,4}|\\\w{0,4})$/i)
      }),
    )
  })

  it('finds the break after a string of megabytes', () => {
    const text = `["${'a'.repeat(5_000_000)}" x]`
    expect(firstError(text)).toBe(text.indexOf(' x') + 1)
  })

  it('accepts a byte order mark', () => {
    expect(parseJson('\ufeff{"a":1}')).toEqual({ a: 1 })
  })

  it('refuses a document nested deeper than any reader stands', () => {
    for (const depth of [10_000, 200_000]) {
      expect(refusal('['.repeat(depth) + ']'.repeat(depth)).message).toContain('nested more than 1000 levels')
      expect(refusal('['.repeat(depth)).message).toContain('ends too early')
    }
    const fine = `${'{"a":'.repeat(999)}[1]${'}'.repeat(999)}`
    expect(JSON.stringify(parseJson(fine))).toBe(fine)
  })

  it.each([
    '{"__proto__": {"admin": true}}',
    '[[{"a": {"\\u005f_proto__": 1}}]]',
    `{"x": "${'y'.repeat(3000)}", "__proto__": 1}`,
  ])('refuses a key that could reach a prototype: %.40s', (text) => {
    expect(refusal(text).message).toContain('"__proto__"')
  })

  it('keeps the text "__proto__" where it is only a value', () => {
    expect(parseJson('{"a": "__proto__"}')).toEqual({ a: '__proto__' })
  })
})
