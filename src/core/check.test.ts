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

  it('says of a union in one sentence what would do', () => {
    const check = compileCheck(Shape({ at: Nullable(Type.Number(), 'When.') }))
    expect(check({ at: 'noon' })).toEqual([{ field: 'at', message: 'must be number or null', value: 'noon' }])
  })

  it('tells of a union only the faults of the form that was meant', () => {
    const gate = Type.Union([Type.Literal(false), Shape({ margin: Type.Number({ minimum: 0 }) })])
    const check = compileCheck(Shape({ gate, at: Nullable(Type.String({ format: 'date' }), 'When.') }))
    expect(check({ gate: { margin: -1, more: 1 }, at: 'noon' })).toEqual([
      { field: 'gate.more', message: 'is not a known field', value: 1 },
      { field: 'gate.margin', message: 'must be >= 0', value: -1 },
      { field: 'at', message: 'must match format "date"', value: 'noon' },
    ])
  })

  it('tells of every item of a list what its union refuses', () => {
    const row = Type.Union([Shape({ age: Type.Number() }), Type.Array(Type.Number())])
    const check = compileCheck(Shape({ rows: Type.Union([Shape({ age: Type.Number() }), Type.Array(row)]) }))
    expect(check({ rows: [1, { age: 'x' }, null] })).toEqual([
      { field: 'rows.0', message: 'must be object or array', value: 1 },
      { field: 'rows.1.age', message: 'must be number', value: 'x' },
      { field: 'rows.2', message: 'must be object or array', value: null },
    ])
  })

  it('tells of very many items in time that grows with them, not with their square', () => {
    const check = compileCheck(Type.Array(Type.Union([Type.String(), Type.Number()])))
    const found = check(new Array<boolean>(30_000).fill(true))
    expect(found).toHaveLength(30_000)
    expect(found.at(-1)).toEqual({ field: '29999', message: 'must be string or number', value: true })
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
