import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Signature, SignatureInput } from '../../contract/models.ts'
import { type ModelInfo, Row, type TensorInfo } from '../../runtime/index.ts'
import { compileRowReader } from './input.ts'

const column = (name: string, dtype: SignatureInput['dtype'], nullable = true): SignatureInput => ({
  name,
  dtype,
  nullable,
})
const tensor = (name: string, type: TensorInfo['type'], width: number | null = 1): TensorInfo => ({
  name,
  type,
  dims: width === null ? [null] : [null, width],
})
const place = (index: number) => `input_data.${index}`

function readerOf(inputs: readonly SignatureInput[], tensors: readonly TensorInfo[]) {
  const signature: Signature = { inputs: [...inputs], outputs: [] }
  return compileRowReader(signature, { inputs: tensors, outputs: [], otherOutputs: [] } as unknown as ModelInfo)
}

const people = readerOf(
  [column('age', 'number', false), column('city', 'string'), column('member', 'boolean'), column('since', 'datetime')],
  [tensor('age', 'float64'), tensor('city', 'string'), tensor('member', 'float32'), tensor('since', 'float64')],
)

describe('rows on their way into tensors', () => {
  it('become one column of each tensor', () => {
    const { feeds, rows, errors } = people.read(
      [
        { age: 1, city: 'Rome', member: true, since: '1970-01-02' },
        { since: null, member: 'no', city: 'Oslo', age: '2.5' },
      ],
      place,
    )
    expect(feeds.age).toEqual({ type: 'float64', dims: [2, 1], data: Float64Array.of(1, 2.5) })
    expect(feeds.city?.data).toEqual(['Rome', 'Oslo'])
    expect(feeds.member?.data).toEqual(Float32Array.of(1, 0))
    expect(feeds.since?.data).toEqual(Float64Array.of(86_400_000, Number.NaN))
    expect({ rows, errors: errors.size }).toEqual({ rows: [0, 1], errors: 0 })
  })

  it('may be given as values in the order of the signature', () => {
    const byName = people.read([{ age: 1, city: 'Rome', member: false, since: null }], place)
    const byPlace = people.read([[1, 'Rome', false, null]], place)
    expect(byPlace).toEqual(byName)
  })

  it('with more unknown columns than anybody means are refused without holding everybody else up', () => {
    const row = Object.fromEntries(Array.from({ length: 200_000 }, (_, i) => [`unknown${i}`, 1]))
    const { errors } = people.read([{ ...row, age: 1 }], place)
    expect(errors.get(0)).toHaveLength(51)
    expect(errors.get(0)![49]).toEqual({
      field: 'input_data.0.unknown49',
      message: 'is not a column of this model',
      value: 1,
    })
  })

  it.each(['?', 'NA', '', null, undefined])('take %j for a missing value', (value) => {
    const { feeds, errors } = people.read([{ age: 1, city: value, member: value, since: value }], place)
    expect(errors.size).toBe(0)
    expect([feeds.city?.data, feeds.member?.data, feeds.since?.data]).toEqual([
      [''],
      Float32Array.of(Number.NaN),
      Float64Array.of(Number.NaN),
    ])
  })

  it('may leave out what may be missing', () => {
    expect(people.read([{ age: 1 }], place).errors.size).toBe(0)
  })

  it('name every cell that is wrong, with its row', () => {
    const { errors } = people.read([{ age: 1 }, { city: 'x', member: 'perhaps', height: 3 }, { age: '?' }], place)
    expect([...errors.keys()]).toEqual([1, 2])
    expect(errors.get(1)).toEqual([
      { field: 'input_data.1.age', message: 'is required' },
      { field: 'input_data.1.member', message: 'must be true or false', value: 'perhaps' },
      { field: 'input_data.1.height', message: 'is not a column of this model', value: 3 },
    ])
    expect(errors.get(2)).toEqual([{ field: 'input_data.2.age', message: 'must not be missing', value: '?' }])
  })

  it.each([
    ['a number', 5],
    ['text', 'x'],
    ['null', null],
    ['nothing', undefined],
  ])('are refused when one is %s', (_, row) => {
    const [error] = people.read([row], () => 'input_data').errors.get(0)!
    expect(error).toMatchObject({ field: 'input_data', message: 'must be an object of columns or an array of values' })
  })

  it('are refused when an array has another length than the signature', () => {
    const [error] = people.read([[1, 2]], place).errors.get(0)!
    expect(error?.message).toBe('must hold 4 values, one for each of age, city, member, since')
  })

  it.each([
    [
      'wrong',
      { columns: 4096, row: (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 'x'])) },
    ],
    ['missing', { columns: 4096, row: () => ({}) }],
    ['of values', { columns: 4096, row: (names: readonly string[]) => names.map(() => 'x') }],
    [
      'unknown',
      { columns: 1, row: (names: readonly string[]) => Object.fromEntries(names.map((name) => [`${name}?`, 1])) },
    ],
  ])('list the first of thousands of cells that are %s', (_, { columns, row }) => {
    const names = Array.from({ length: 4096 }, (_, i) => `column ${i}`)
    const own = names.slice(0, columns)
    const reader = readerOf(
      own.map((name) => column(name, 'number', false)),
      own.map((name) => tensor(name, 'float64')),
    )
    const { errors } = reader.read([row(names)], place)
    expect(errors.get(0)).toHaveLength(51)
    expect(errors.get(0)![50]).toEqual({ field: 'input_data.0', message: 'is not looked at further behind 50 errors' })
    const [few] = reader.read([['x', 'y']], place).errors.get(0)!
    expect(few!.message.length).toBeLessThan(500)
  })

  it.each([{ a: 1 }, [1]])('are refused when a cell is %j', (cell) => {
    const [error] = people.read([{ age: cell }], place).errors.get(0)!
    expect(error).toMatchObject({ field: 'input_data.0.age', message: 'must be a single value' })
  })

  it('need no prefix for their columns', () => {
    const [error] = people.read([{ age: 'x' }], () => '').errors.get(0)!
    expect(error?.field).toBe('age')
  })

  it('are not fooled by names that every object has', () => {
    const reader = readerOf([column('constructor', 'number', false)], [tensor('constructor', 'float64')])
    expect(reader.read([{}], place).errors.get(0)).toEqual([
      { field: 'input_data.0.constructor', message: 'is required' },
    ])
    expect(people.read([{ age: 1, toString: 1 }], place).errors.size).toBe(1)
  })

  it('go side by side into a tensor that packs several columns', () => {
    const names = ['X[0]', 'X[1]', 'X[2]']
    const reader = readerOf(
      names.map((name) => column(name, 'number')),
      [tensor('X', 'float32', 3)],
    )
    const { feeds } = reader.read([{ 'X[2]': 3, 'X[0]': 1 }, 'bad', [4, 5, 6]], place)
    expect(feeds.X).toEqual({ type: 'float32', dims: [2, 3], data: Float32Array.of(1, Number.NaN, 3, 4, 5, 6) })
  })

  it('stay whole numbers in tensors of whole numbers', () => {
    const reader = readerOf([column('n', 'integer', false)], [tensor('n', 'int64', null)])
    expect(reader.read([[9_007_199_254_740_991], [-3]], place).feeds.n).toEqual({
      type: 'int64',
      dims: [2],
      data: BigInt64Array.of(9_007_199_254_740_991n, -3n),
    })
  })

  it.each([
    ['int8', 128],
    ['int8', -129],
    ['uint8', -1],
    ['int32', 2 ** 31],
    ['uint32', 2 ** 32],
    ['uint64', -1],
    ['int16', 1e6],
  ] as const)('are refused where %s has no room for %d', (type, value) => {
    const reader = readerOf([column('n', 'integer', false)], [tensor('n', type)])
    const { errors, feeds } = reader.read([[value], [1]], place)
    expect(errors.get(0)?.[0]).toMatchObject({ field: 'input_data.0.n', message: expect.stringContaining(type) })
    expect(Number(feeds.n?.data[0])).toBe(1)
  })
})

describe('a row by itself', () => {
  it.each([[{ age: 1, city: 'Rome', member: true, since: '1970-01-02' }], [{ age: '2.5' }], [[1, null, 'no', '?']]])(
    'is read as one among others: %j',
    (row) => {
      expect((people.readOne(row, () => '') as Row).toTensors()).toEqual(people.read([row], place).feeds)
    },
  )

  it.each(['float32', 'int64', 'uint64', 'int32', 'int8', 'uint16', 'bool'] as const)('fits %s', (type) => {
    const [wide, lone] = [tensor('X', type, 2), tensor('y', type, null)]
    const reader = readerOf(
      ['X[0]', 'X[1]', 'y'].map((name) => column(name, 'integer', false)),
      [wide, lone],
    )
    const row = { y: 1, 'X[1]': '0', 'X[0]': 1 }
    expect((reader.readOne(row, () => '') as Row).toTensors()).toEqual(reader.read([row], place).feeds)
  })
})

describe('rows with errors', () => {
  const good = fc.record({
    age: fc.double({ noNaN: true, noDefaultInfinity: true }),
    city: fc
      .string({ minLength: 1 })
      .filter((text) => text.trim() === text && !['?', 'NA', 'null', 'nan'].includes(text)),
  })
  const bad = fc.oneof(
    fc.record({ age: fc.constant('many'), city: fc.string() }),
    fc.record({ city: fc.string() }),
    fc.record({ age: fc.double(), city: fc.string(), more: fc.anything() }),
    fc.constantFrom(null, 5, 'row', [1], [1, 2, 3]),
  )
  const reader = readerOf(
    [column('age', 'number', false), column('city', 'string')],
    [tensor('age', 'float64'), tensor('city', 'string')],
  )

  it('never move the values of the other rows', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(good, bad), { maxLength: 30 }), (rows) => {
        const { feeds, rows: kept, errors } = reader.read(rows, place)
        expect(kept.length + errors.size).toBe(rows.length)
        for (const index of kept) expect(errors.has(index)).toBe(false)
        const alone = kept.map((index) => reader.read([rows[index]], place).feeds)
        expect([...(feeds.age!.data as Float64Array)]).toEqual(alone.map(({ age }) => age?.data[0]))
        expect([...(feeds.city!.data as string[])]).toEqual(alone.map(({ city }) => city?.data[0]))
        expect(feeds.age?.dims).toEqual([kept.length, 1])
      }),
    )
  })

  it('are told of a row by itself as of one among others', () => {
    fc.assert(
      fc.property(fc.oneof(good, bad), (row) => {
        const { feeds, errors } = reader.read([row], () => 'input_data')
        const found = reader.readOne(row, () => 'input_data')
        if (found instanceof Row) expect(found.toTensors()).toEqual(feeds)
        else expect(found).toEqual(errors.get(0))
        expect(errors.size).toBe(found instanceof Row ? 0 : 1)
      }),
    )
  })

  it('leave nothing behind for a missing value of the next row', () => {
    const { feeds } = readerOf(
      [column('a', 'number'), column('b', 'number', false)],
      [tensor('a', 'float64'), tensor('b', 'float64')],
    ).read([{ a: 7, b: 'x' }, { b: 1 }], place)
    expect(feeds.a?.data).toEqual(Float64Array.of(Number.NaN))
  })
})

describe('a reader', () => {
  it('has a sample of one row for the warm-up', () => {
    expect(people.sample.age).toEqual({ type: 'float64', dims: [1, 1], data: Float64Array.of(Number.NaN) })
    expect(people.sample.city?.data).toEqual([''])
  })

  it('knows graphs that take one row at a time', () => {
    const one = { name: 'x', type: 'float32', dims: [1, 2] } as const
    expect(readerOf([column('x[0]', 'number'), column('x[1]', 'number')], [one]).rowByRow).toBe(true)
    expect(people.rowByRow).toBe(false)
  })
})
