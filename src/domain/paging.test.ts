import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor, pageOf } from './paging.ts'

const shape = { item: (row: number) => `#${row}`, position: (row: number) => [String(row)] }

describe('a cursor', () => {
  it('comes back as it went', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\u0000'))), (position) => {
        expect(decodeCursor(encodeCursor(position), position.length)).toEqual(position)
      }),
    )
  })

  it('need not be given', () => {
    expect(decodeCursor(undefined, 1)).toBeUndefined()
  })

  it.each([
    ['garbage', '%%%'],
    ['an empty one', ''],
    ['JSON of another shape', Buffer.from('{"a":1}').toString('base64url')],
    ['too many parts', encodeCursor(['a', 'b'])],
    ['numbers', Buffer.from('[1]').toString('base64url')],
    ['what no database can compare', encodeCursor(['a\u0000b'])],
  ])('that is %s is refused by name', (_, cursor) => {
    expect(() => decodeCursor(cursor, 1)).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'VALIDATION_ERROR' }),
    )
  })

  it('must have the form that its list gives it', () => {
    expect(decodeCursor(encodeCursor(['12']), 1, /^\d+$/)).toEqual(['12'])
    expect(() => decodeCursor(encodeCursor(['model_1']), 1, /^\d+$/)).toThrow(
      expect.objectContaining({ kind: 'invalid' }),
    )
  })
})

describe('a page', () => {
  it('is the last one when nothing is left', () => {
    expect(pageOf([3, 2, 1], 3, shape)).toEqual({ items: ['#3', '#2', '#1'], next_cursor: null })
    expect(pageOf([], 3, shape)).toEqual({ items: [], next_cursor: null })
  })

  it('names its last item when there is more', () => {
    expect(pageOf([3, 2, 1], 2, shape)).toEqual({ items: ['#3', '#2'], next_cursor: encodeCursor(['2']) })
  })

  it('and the next ones show every row once, in order, whatever the limit', () => {
    fc.assert(
      fc.property(fc.nat(40), fc.integer({ min: 1, max: 50 }), (count, limit) => {
        const all = Array.from({ length: count }, (_, i) => count - i)
        const seen: string[] = []
        let cursor: string | undefined
        do {
          const after = decodeCursor(cursor, 1)
          const rest = all.filter((row) => after === undefined || row < Number(after[0]))
          const page = pageOf(rest.slice(0, limit + 1), limit, shape)
          seen.push(...page.items)
          cursor = page.next_cursor ?? undefined
        } while (cursor !== undefined)
        expect(seen).toEqual(all.map(shape.item))
      }),
    )
  })
})
