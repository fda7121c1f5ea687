import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MlError } from './failure.ts'
import { readJson } from './json.ts'
import { readJsonInTurns } from './json-in-turns.ts'

const bytesOf = (text: string) => Buffer.from(text)
const long = (item: (index: number) => string, count = 40_000) =>
  Array.from({ length: count }, (_, i) => item(i)).join()

function atOnce(bytes: Buffer): unknown {
  try {
    return readJson(bytes)
  } catch (error) {
    return error
  }
}

async function refusal(text: string): Promise<MlError> {
  const error = await readJsonInTurns(bytesOf(text)).catch((error: unknown) => error)
  if (error instanceof MlError) return error
  throw new Error('was accepted')
}

describe('reading a long text in turns', () => {
  it.each([
    [
      'a list among other fields',
      `{"a": {"b": [1]}, "rows": [${long((i) => `{"x": ${i}, "y": "[{,\\"\\\\"}`)}], "c": [2]}`,
    ],
    ['two lists', `{"rows": [${long((i) => `[${i}, "é", null]`)}] , "more":[${long((i) => `"${i}"`, 90_000)}]}`],
    [
      'a list given twice, of which the later one counts',
      `{"r": [${long(String, 90_000)}], "r": [${long((i) => `-${i}`, 90_000)}]}`,
    ],
    ['a list, then something else under its name', `{"r": [${long(String, 90_000)}], "r": 5}`],
    ['a byte order mark', `\uFEFF{"rows": [${long(String, 90_000)}]}`],
    ['a list outermost', `[${long(String, 90_000)}]`],
    ['lists in a list', `[[${long(String, 90_000)}], [1]]`],
    ['a list further inside', `{"a": {"rows": [${long(String, 90_000)}]}}`],
    [
      'tensors',
      `{"inputs": [{"shape": [2], "data": [${long(String, 90_000)}]}, {"data": [${long((i) => `[${i}, "]"]`)}]}], "id": "a"}`,
    ],
    [
      'rows behind a long list in one of them',
      `[{"a": [${long(String, 90_000)}]}, ${long((i) => `{"x": ${i}}`)}, [7]]`,
    ],
    ['one long text', `{"a": "${'x,'.repeat(400_000)}"}`],
    ['spaces around everything', ` { "a" : [ ${long((i) => ` ${i} `, 90_000)} ] } `],
    ['items longer than a piece', `{"a": ["${'x'.repeat(600_000)}", [${long(String, 90_000)}], 3]}`],
    ['no list', '{"a": 1}'],
    ['no object', '"a"'],
  ])('makes of %s what reading at once makes', async (_, text) => {
    expect(await readJsonInTurns(bytesOf(text))).toEqual(readJson(bytesOf(text)))
  })

  const numbers = long(String, 90_000)
  it.each([
    ['a comma behind the last item', `{"a": [${numbers},]}`],
    ['a comma before the first', `{"a": [,${numbers}]}`],
    ['two commas', `{"a": [${numbers},,${numbers}]}`],
    ['a wrong bracket at the end of the list', `{"a": [${numbers}}}`],
    ['a wrong bracket within', `{"a": [${numbers},{"b":1],${numbers}]}`],
    ['an end within the list', `{"a": [${numbers}`],
    ['an end within a text', `{"a": [${numbers},"b`],
    ['something behind it', `{"a": [${numbers}]} 1`],
    ['a second bracket', `{"a": [${numbers}]]}`],
    ['a key among the items', `{"a": [${numbers},"b":1]}`],
    ['a line break in a text', `{"a": [${numbers},"b\nc"]}`],
  ])('refuses %s', async (_, text) => {
    expect(() => JSON.parse(text)).toThrow()
    expect(await refusal(text)).toMatchObject({ kind: 'malformed', code: 'MALFORMED_JSON' })
  })

  it('refuses bytes that are no UTF-8', async () => {
    await expect(readJsonInTurns(Buffer.from([0x22, 0xff, 0x22]))).rejects.toThrow('is not UTF-8')
  })

  it('refuses the key that changes objects, in and beside a list', async () => {
    expect((await refusal(`{"a": [${numbers}, {"__proto__": 1}]}`)).message).toContain('__proto__')
    expect((await refusal(`{"a": [${numbers}], "\\u005f_proto__": {}}`)).message).toContain('__proto__')
  })

  it('refuses what is nested too deep, at the same level as reading at once', async () => {
    const nested = (levels: number) => `{"a": [${numbers}, ${'['.repeat(levels)}${']'.repeat(levels)}]}`
    expect(await readJsonInTurns(bytesOf(nested(998)))).toEqual(readJson(bytesOf(nested(998))))
    expect((await refusal(nested(999))).message).toContain('nested more than 1000 levels')
    expect(() => readJson(bytesOf(nested(999)))).toThrow('nested more than 1000 levels')
  })

  it('takes any text as reading at once does, wherever pieces end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue(),
        fc.nat(3),
        fc.integer({ min: 1, max: 40 }),
        async (value, indent, pieceBytes) => {
          const list = [value, value, 1, value]
          const bytes = bytesOf(JSON.stringify({ a: value, list, deep: [{ list, b: [list, value] }, 2] }, null, indent))
          const read = await readJsonInTurns(bytes, pieceBytes).catch((error: unknown) => error)
          expect(read).toEqual(atOnce(bytes))
        },
      ),
      { numRuns: 500 },
    )
  })

  it('refuses any broken text that reading at once refuses, wherever pieces end', async () => {
    const broken = fc.tuple(
      fc.jsonValue(),
      fc.nat(),
      fc.constantFrom('', ',', ']', '[', '}', '{', '"', ':', '\\', '1', ' '),
    )
    await fc.assert(
      fc.asyncProperty(broken, fc.integer({ min: 1, max: 20 }), async ([value, place, put], pieceBytes) => {
        const text = JSON.stringify({ a: [value, 1, value, [2], value], b: [{ c: [value, value] }, 3, [4, value]] })
        const at = place % text.length
        const bytes = bytesOf(`${text.slice(0, at)}${put}${text.slice(at + 1)}`)
        const read = await readJsonInTurns(bytes, pieceBytes).catch((error: unknown) => error)
        const known = atOnce(bytes)
        if (known instanceof MlError) expect(read).toMatchObject({ code: 'MALFORMED_JSON' })
        else expect(read).toEqual(known)
      }),
      { numRuns: 2000 },
    )
  })

  it('lets others have their turn before it ends', async () => {
    const happened: string[] = []
    const reading = readJsonInTurns(bytesOf(`{"a": [${long(String, 300_000)}]}`)).then(() => happened.push('read'))
    for (let i = 0; i < 3; i++) {
      await new Promise(setImmediate)
      happened.push('somebody else')
    }
    await reading
    expect(happened).toEqual(['somebody else', 'somebody else', 'somebody else', 'read'])
  })
})
