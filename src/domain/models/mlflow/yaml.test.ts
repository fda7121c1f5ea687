// Held against a complete reader of YAML, with scalars left as text: what both read must be the same.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { parseYaml, type Yaml } from './yaml.ts'

function plain(value: Yaml): unknown {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries([...(value as ReadonlyMap<string, Yaml>)].map(([key, one]) => [key, plain(one)]))
}

const oracle = (text: string) => parse(text, { schema: 'failsafe' }) as unknown

describe('YAML as PyYAML writes it', () => {
  it('is read like a complete reader does', () => {
    const text = fc.oneof(
      fc.constantFrom(
        '',
        'a b',
        "it's",
        '"',
        'x: y',
        '- z',
        '# c',
        'a #b',
        '[1]',
        '{',
        'null',
        'true',
        '1.20',
        '\n',
        'a\nb\n',
        ' lead',
        'trail ',
        '\t',
        'ä€😀',
        '---',
        '?',
        'a:b',
      ),
      fc.string({ unit: 'grapheme-ascii' }),
      fc
        .array(fc.constantFrom('{"name": "age",', '"type": "double"}', 'word', '\n', 'é'), { maxLength: 40 })
        .map((words) => words.join(' ')),
    )
    const key = fc.constantFrom('flavors', 'onnx', 'a b', 'data', 'python_function', 'x-y', 'with: colon', 'q"', '5')
    const document = fc.letrec<{ node: unknown; map: Record<string, unknown> }>((tie) => ({
      node: fc.oneof({ depthSize: 'small' }, text, fc.array(tie('node'), { maxLength: 3 }), tie('map')),
      map: fc.dictionary(key, tie('node'), { maxKeys: 4 }),
    }))
    fc.assert(
      fc.property(document.map, fc.constantFrom(0, 40, 80), fc.boolean(), (value, lineWidth, flow) => {
        const written = stringify(value, { lineWidth, ...(flow && { collectionStyle: 'flow' }) })
        // Folding far to the right, that writer breaks its own escapes.
        fc.pre(!written.includes('\\undefined'))
        expect(plain(parseYaml(written))).toEqual(oracle(written))
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    'a: \'one\n  two\n\n  three\'\nb: "one\\\n  \\ two\\n\\u00e9"\n',
    'list:\n- a\n- b: 1\n  c: 2\n-\n  d\n- - e\n  - f\nlast: x\n',
    'a: one\n  two # said\nb: # nothing here\n  c: d\ne:\nf: {}\ng: []\n',
    'a: |\n  one\n   two\n\n  three\n\nb: >-\n  one\n  two\n\n  three\nc: |+\n  x\n\nd: y\n',
    '# a comment\n---\na: b\n...\n'.slice('# a comment\n'.length),
    'a: [b, "c, d", {e: f}, [],\n  g]\n',
    '"quoted key": 1\n\'other\': http://x/y#z\n',
    'text at the top\n',
  ])('%j is read', (text) => expect(plain(parseYaml(text))).toEqual(oracle(text)))

  it.each([
    ['a: &x b', 'line 1 uses "&"'],
    ['a: *x', 'line 1 uses "*"'],
    ['a: !!python/object:os.system b', 'line 1 uses "!"'],
    ['a:\n\tb: c', 'line 2 is indented with a tab'],
    ["a: 'b", 'line 1 has a quote that is never closed'],
    ['a: [b', 'ends inside a bracket'],
    ['a: "b" c', 'line 1 goes on after its value'],
    ['a: b\n  c: d', 'line 2 has a key where a value goes on'],
    ['a: b\nc', 'line 2 is neither a key'],
    ['  a: b\nc: d', 'line 2 stands outside'],
    [`a: ${'['.repeat(100)}`, 'nested'],
    [Array.from({ length: 100 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'nested'],
  ])('%j is refused', (text, why) => {
    expect(() => parseYaml(text)).toThrow(expect.objectContaining({ message: expect.stringContaining(why) }))
  })

  it.each([
    ['blanks before no colon', `a${' '.repeat(2e5)}b`],
    ['colons', 'a:'.repeat(1e5)],
    ['quoted lines', `a: "${'b \n'.repeat(5e4)}"`],
    ['brackets', `a: ${'[],'.repeat(5e4)}`],
    ['blank lines', `a: |\n${'\n'.repeat(2e5)}  b`],
  ])('of very many %s takes no time to speak of', (_, text) => {
    try {
      parseYaml(text)
    } catch (error) {
      expect(error).toMatchObject({ code: 'MLFLOW_MALFORMED' })
    }
  })

  it('of any kind ends in a value or a refusal', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('a', ':', ' ', '\n', '-', "'", '"', '[', ']', '{', '}', ',', '#', '|', '>', '\\', '?'),
        }),
        (text) => {
          try {
            parseYaml(text)
          } catch (error) {
            expect(error).toMatchObject({ code: 'MLFLOW_MALFORMED' })
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
