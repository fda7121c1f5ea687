import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { Shape } from '../contract/schema.ts'
import { compileCheck } from './check.ts'
import { compileCheckInTurns } from './check-in-turns.ts'

const Rows = Shape({
  rows: Type.Array(Shape({ x: Type.Number(), 'a.b': Type.Optional(Type.String()) }), { minItems: 1, maxItems: 10_000 }),
  name: Type.String(),
  limit: Type.Integer({ default: 50 }),
})
const check = compileCheckInTurns(Rows)
const rowsOf = (count: number) => Array.from({ length: count }, (_, x): Record<string, unknown> => ({ x }))

describe('a check in turns', () => {
  it('is over at once where nothing is long', () => {
    expect(check({ rows: rowsOf(2000), name: 'a' })).toEqual([])
    expect(check('no object')).toEqual(compileCheck(Rows)('no object'))
  })

  it('finds nothing wrong with a long list that is right, and fills in defaults', async () => {
    const rows = rowsOf(9000)
    const value: Record<string, unknown> = { rows, name: 'a' }
    expect(await check(value)).toEqual([])
    expect(value).toEqual({ rows: rowsOf(9000), name: 'a', limit: 50 })
    expect(value.rows).toBe(rows)
  })

  it('finds what a check of all at once finds, each once and at its place', async () => {
    const broken = () => {
      const rows = rowsOf(9000)
      rows[1999]!.x = 'text'
      rows[2000]!.x = null
      rows[8999] = { 'a.b': 3, y: 1 }
      return { rows, limit: 1.5 }
    }
    const found = await check(broken())
    expect(found).toHaveLength(7)
    expect(new Set(found)).toEqual(new Set(compileCheck(Rows)(broken())))
    expect(found).toContainEqual({ field: 'rows.8999.a.b', message: 'must be string', value: 3 })
  })

  it('says of a list that is too long what a check of all at once says', async () => {
    const value = { rows: rowsOf(10_001), name: 'a' }
    expect(await check(value)).toEqual([
      expect.objectContaining({ field: 'rows', message: 'must NOT have more than 10000 items' }),
    ])
  })

  it('lets others have their turn before it ends', async () => {
    const happened: string[] = []
    const checked = Promise.resolve(check({ rows: rowsOf(9000), name: 'a' })).then(() => happened.push('checked'))
    await new Promise(setImmediate)
    happened.push('somebody else')
    await checked
    expect(happened).toEqual(['somebody else', 'checked'])
  })
})
