import { Type } from 'typebox'
import { describe, expect, it } from 'vitest'
import { Nullable, OneOf, Shape } from '../contract/schema.ts'
import { compileCheck } from './check.ts'

const Person = Shape({
  name: Type.String({ minLength: 1 }),
  age: Type.Integer({ minimum: 0 }),
  colour: Type.Optional(OneOf(['red', 'blue'], 'Colour.')),
  address: Type.Optional(Shape({ street: Type.String(), 'zip/code': Type.Optional(Type.String()) })),
  limit: Type.Optional(Type.Integer({ default: 50 })),
})

describe('a check', () => {
  it('finds nothing wrong with what is right', () => {
    expect(compileCheck(Person)({ name: 'Ada', age: 36, colour: 'red' })).toEqual([])
  })

  it('names every broken rule at once, with path, words and value', () => {
    const found = compileCheck(Person)({ age: -1, colour: 'green', address: { street: 5, town: 'x' }, more: true })
    expect(found).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ field: 'name', message: 'is required' }),
        { field: 'age', message: 'must be >= 0', value: -1 },
        { field: 'colour', message: 'must be one of "red", "blue"', value: 'green' },
        { field: 'address.street', message: 'must be string', value: 5 },
        expect.objectContaining({ field: 'address.town', message: 'is not a known field' }),
        expect.objectContaining({ field: 'more', message: 'is not a known field' }),
      ]),
    )
    expect(found).toHaveLength(6)
  })

  it('does not show the whole object beside a field that it lacks or has too many', () => {
    const found = compileCheck(Person)({ age: 1, more: 'much' })
    expect(found).toEqual([
      { field: 'name', message: 'is required' },
      { field: 'more', message: 'is not a known field', value: 'much' },
    ])
  })

  it('puts its prefix before every path', () => {
    const check = compileCheck(Person, { at: 'input_data' })
    expect(check({ age: 1 }).map(({ field }) => field)).toEqual(['input_data.name'])
    expect(check(7)).toEqual([{ field: 'input_data', message: 'must be object', value: 7 }])
  })

  it('reads paths with slashes and tildes in them', () => {
    const found = compileCheck(Person)({ name: 'x', age: 1, address: { street: 's', 'zip/code': 1 } })
    expect(found.map(({ field }) => field)).toEqual(['address.zip/code'])
  })

  it('fills in defaults in place', () => {
    const value = { name: 'x', age: 1 }
    compileCheck(Person)(value)
    expect(value).toEqual({ name: 'x', age: 1, limit: 50 })
  })

  it('converts text only where it is told to', () => {
    const schema = Type.Object({ port: Type.Integer(), on: Type.Boolean() })
    const value = { port: '80', on: 'true' }
    expect(compileCheck(schema)({ ...value })).toHaveLength(2)
    expect(compileCheck(schema, { coerce: true })(value)).toEqual([])
    expect(value).toEqual({ port: 80, on: true })
  })

  it('says of a union that none of its forms fits, once', () => {
    const found = compileCheck(Shape({ at: Nullable(Type.Number(), 'When.') }))({ at: 'noon' })
    expect(found.filter(({ message }) => message === 'fits none of the allowed forms')).toHaveLength(1)
    expect(new Set(found.map(({ field }) => field))).toEqual(new Set(['at']))
  })

  it('shortens long values', () => {
    const [found] = compileCheck(Shape({ n: Type.Number() }))({ n: 'x'.repeat(5000) })
    expect(String(found?.value).length).toBeLessThan(220)
  })

  it('checks formats', () => {
    const check = compileCheck(Type.String({ format: 'date-time' }))
    expect(check('2024-01-31T10:20:30Z')).toEqual([])
    expect(check('yesterday')).toHaveLength(1)
  })
})
