import { describe, expect, it } from 'vitest'
import { parseYaml } from './yaml.ts'

const map = (fields: Readonly<Record<string, unknown>>) => new Map(Object.entries(fields))

describe('YAML as PyYAML writes it', () => {
  it.each([
    ['a: true\nb: 1.20\nc: null\nd:\n', map({ a: 'true', b: '1.20', c: 'null', d: '' })],
    ["a: 'one\n  two\n\n  three'\n", map({ a: 'one two\nthree' })],
    ['list:\n- a\n- b: 1\n  c: 2\nlast: x\n', map({ list: ['a', map({ b: '1', c: '2' })], last: 'x' })],
    ['a: &id001\n- b\nc: *id001\n', map({ a: ['b'], c: ['b'] })],
    ['', ''],
  ])('%j is read', (text, value) => expect(parseYaml(text)).toEqual(value))

  it.each([
    ['a: *x', 'Unresolved alias'],
    ['a: !!python/object:os.system b', 'Unresolved tag'],
    ['a:\n\tb: c', 'line 2'],
    ["a: 'b", 'line 1'],
    ['a: [b', 'line 1'],
    ['a: b\nc', 'line 2'],
    [`a: ${'['.repeat(2e5)}`, 'no YAML'],
    [
      `a: &a [x, x]\n${'bcdefghijk'.replace(/./g, (key, i) => `${key}: &${key} [${`*${'abcdefghijk'[i]}, `.repeat(9)}]\n`)}`,
      'alias',
    ],
  ])('%# is refused', (text, why) => {
    const refusal = { code: 'MLFLOW_MALFORMED', message: expect.stringContaining(why) }
    expect(() => parseYaml(text)).toThrow(expect.objectContaining(refusal))
  })

  it.each([
    ['blanks before no colon', `a${' '.repeat(2e5)}b`],
    ['colons', 'a:'.repeat(1e5)],
    ['quoted lines', `a: "${'b \n'.repeat(5e4)}"`],
    ['brackets', `a: ${'[],'.repeat(5e4)}`],
    ['blank lines', `a: |\n${'\n'.repeat(2e5)}  b`],
  ])('of very many %s ends in a value or a refusal', (_, text) => {
    try {
      parseYaml(text)
    } catch (error) {
      expect(error).toMatchObject({ code: 'MLFLOW_MALFORMED' })
    }
  })
})
