import type { Tensor } from 'onnxruntime-node'
import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../onnx/graph.ts'
import { fitEncoding } from './encoding.ts'
import { aColumn, aTable, encodeColumn, numbers, rounded, served, startSession, texts } from './testing.ts'
import { eachWord, lowerCase, wordPattern } from './tokens.ts'
import { chooseNgrams } from './vocabulary.ts'

const words = (text: string): string[] => {
  const found: string[] = []
  eachWord(lowerCase(text), (word) => found.push(word))
  return found
}

/** What the runtime makes of a text that stands alone in its cell. */
async function runtimeWords(cells: readonly string[]): Promise<string[][]> {
  const graph = new GraphBuilder()
  const lower = graph.node('StringNormalizer', [graph.input('cells', 'string', ['N'])], {
    attributes: {
      case_change_action: { string: 'LOWER' },
      locale: { string: 'C.UTF-8' },
      is_case_sensitive: { int: 1 },
    },
  })
  const tokens = graph.node('Tokenizer', [lower], {
    domain: 'com.microsoft',
    attributes: {
      mark: { int: 0 },
      mincharnum: { int: 1 },
      pad_value: { string: '' },
      tokenexp: { string: wordPattern() },
    },
  })
  graph.output('tokens', tokens, 'string', ['N', 'T'])
  const run = await startSession(graph.build({ name: 'tokens' }))
  const data = [...cells, 'aa']
  const { tokens: found } = await run({ cells: { type: 'string', data, dims: [data.length] as never } }, ['tokens'])
  const width = (found as Tensor).dims[1]!
  const flat = (found as Tensor).data as string[]
  return cells.map((_, i) => flat.slice(i * width, (i + 1) * width).filter((token) => token !== ''))
}

describe('words', () => {
  it('are split as the runtime splits them, for every code point older than the two Unicode tables', async () => {
    const different: number[] = []
    for (let first = 1; first < 0x10000; first += 0x1000) {
      const points = Array.from({ length: 0x1000 }, (_, i) => first + i).filter((one) => one < 0xd800 || one > 0xdfff)
      const cells = points.map((one) => String.fromCodePoint(one).repeat(2))
      const theirs = await runtimeWords(cells)
      points.forEach((point, i) => {
        if (words(cells[i]!).join('|') !== theirs[i]!.join('|')) different.push(point)
      })
    }
    // Letters and marks added in Unicode 16 and 17, which Node knows and the runtime does not.
    expect(different.length).toBeLessThan(64)
    expect(different.filter((point) => point < 0x0860 || (point > 0x1d00 && point < 0xa700))).toEqual([])
  })

  it('are split as the runtime splits them, in hard sentences', async () => {
    const cells = [
      'Hello, WORLD! a bb_c x1 3.14',
      '',
      ' ,;! ',
      'ΟΔΟΣ İstanbul ẞ naïve e\u0301te\u0301 हिन्दी 東京 🙂🙂 ½½',
      'cut\0here',
      'lone \ud800surrogate 𝒳 𝒳𝒳 \ufeffbom',
      '\r\n\ttabs\u00a0and\u200bspaces',
      'über東京タワーfoo 我的信用卡a丢失了 ภาษาไทย 한국어 문장 \u{20000}\u{20001}x𝒳𝒳',
    ]
    expect(cells.map(words)).toEqual(await runtimeWords(cells))
  })

  it('are single characters where a script writes no spaces between them', () => {
    expect(words('我的VISA信用卡')).toEqual(['我', '的', 'visa', '信', '用', '卡'])
    expect(words('スーパー、ก็ได้')).toEqual(['ス', 'ー', 'パ', 'ー', 'ก', '็', 'ไ', 'ด', '้'])
    const decomposed = ['man\u0303ana', 'größer'.normalize('NFD')]
    expect(words(`한국어 Straße ${decomposed.join(' ')}`)).toEqual(['한국어', 'straße', ...decomposed])
  })
})

describe('chooseNgrams', () => {
  const cells = ['the cat sat', 'the cat ran', 'a dog ran ran', null]

  it('takes those in enough cells, shortest first, with their number of cells', () => {
    const chosen = chooseNgrams(cells, { unit: 'word', range: [1, 2], minDocuments: 2, maxFeatures: 100 })
    expect(chosen.map((one) => [one.units.join(' '), one.documents])).toEqual([
      ['cat', 2],
      ['ran', 2],
      ['the', 2],
      ['the cat', 2],
    ])
  })

  it('keeps the most frequent, and among equals the first by text', () => {
    const chosen = chooseNgrams(cells, { unit: 'word', range: [1, 2], minDocuments: 1, maxFeatures: 2 })
    expect(chosen.map((one) => one.units.join(' '))).toEqual(['cat', 'ran'])
  })

  it('does not depend on the order of the cells', () => {
    const options = { unit: 'character', range: [2, 3], minDocuments: 1, maxFeatures: 9 } as const
    expect(chooseNgrams(cells.toReversed(), options)).toEqual(chooseNgrams(cells, options))
  })

  it('counts no words that come after too many others, nor what they stand in', () => {
    const options = { unit: 'word', range: [1, 2], minDocuments: 1, maxFeatures: 100, maxUnits: 3 } as const
    const chosen = chooseNgrams(['aa bb cc', 'dd aa bb', 'aa dd bb'], options)
    expect(chosen.map((one) => [one.units.join(' '), one.documents])).toEqual([
      ['aa', 3],
      ['bb', 3],
      ['cc', 1],
      ['aa bb', 2],
      ['bb cc', 1],
    ])
  })

  it('grows past its first tables without losing a count', () => {
    const many = Array.from({ length: 30_000 }, (_, i) => `w${i} w${i + 1}`)
    const chosen = chooseNgrams(many, { unit: 'word', range: [1, 2], minDocuments: 1, maxFeatures: 1e6 })
    expect(chosen.length).toBe(30_000 + 30_001)
    expect(chosen.find((one) => one.units.join(' ') === 'w5')?.documents).toBe(2)
  })
})

describe('text features', () => {
  it('are those of a TF-IDF computed by hand', async () => {
    // idf = ln((1 + 3) / (1 + documents)) + 1: apple 1.287682 (2 cells), pear 1.287682 (2), fig 1.693147 (1)
    // row 1: (2 × 1.287682, 1.287682, 0), length 2.879344; row 2: pear 1.287682, fig 1.693147, length 2.127184
    const features = await encodeColumn('text', [texts('Apple apple pear', 'pear; fig', 'apple')], {
      text: { words: [1, 1], minDocuments: 1, sublinear: false, length: 1 },
    })
    expect(rounded(features['x:apple'])).toEqual([0.89443, 0, 1])
    expect(rounded(features['x:fig'])).toEqual([0, 0.79596, 0])
    expect(rounded(features['x:pear'])).toEqual([0.44721, 0.60535, 0])
  })

  it('are those of scikit-learn', async () => {
    // TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True) of scikit-learn 1.9.1 on the same three cells
    const features = await encodeColumn(
      'text',
      [texts('the cat sat on the mat', 'the dog sat', 'cat and dog and cat and dog')],
      { text: { minDocuments: 1, length: 1 } },
    )
    expect(Object.fromEntries(Object.entries(features).map(([name, values]) => [name, rounded(values)]))).toEqual(
      SCIKIT_LEARN,
    )
  })

  it('have the length asked for', async () => {
    const features = await encodeColumn('text', [texts('one two', 'two one')], { text: { length: 3, words: [1, 1] } })
    expect(Math.hypot(features['x:one']![0]!, features['x:two']![0]!)).toBeCloseTo(3, 6)
  })

  it('are zero for empty cells, missing cells and cells of unknown words', async () => {
    const fitted = texts('one two', 'two three', null)
    const features = await encodeColumn('text', [fitted, texts('', null, '...', 'unknown words')])
    expect(Object.values(features).flat()).toEqual(Object.values(features).flatMap(() => [0, 0, 0, 0]))
  })

  it('are absent for a column without any word, beside others that have some', async () => {
    const table = aTable({ empty: texts(null, '', '!'), n: numbers(1, 2, 3) })
    const encoding = fitEncoding(table, [aColumn('empty', 'text'), aColumn('n', 'number')])
    expect(encoding.featureNames).toEqual(['n'])
    expect(encoding.dropped).toEqual([{ column: 'empty', reason: 'no word occurs' }])
    expect((await served(encoding, table)).length).toBe(3)
  })

  it('can be characters, for languages without spaces', async () => {
    const features = await encodeColumn('text', [texts('東京都', '京都'), texts('京都')], {
      text: { words: null, characters: [2, 2], minDocuments: 1, length: 1 },
    })
    expect(features).toEqual({ 'x~京都': [1], 'x~東京': [0] })
  })

  it('are read by their characters too where they are short, if that is asked for', () => {
    const columns = [aColumn('x', 'text')]
    const names = (text: string) =>
      fitEncoding(aTable({ x: texts(text, text.toUpperCase(), 'other') }), columns, { text: { characters: 'short' } })
        .featureNames
    expect(names('ab cd')).toContain('x~b c')
    expect(names('ab cd '.repeat(100)).some((name) => name.startsWith('x~'))).toBe(false)
  })

  it('are characters and pairs of them in languages without spaces, beside words of others', async () => {
    const fitted = texts('我要取消订单 VISA', '取消航班 visa', '预订航班')
    const features = await encodeColumn('text', [fitted, texts('请取消')], { text: { length: 1 } })
    expect(Object.keys(features)).toEqual(['x:visa', 'x:取', 'x:消', 'x:班', 'x:航', 'x:订', 'x:取 消', 'x:航 班'])
    const known = Object.entries(features).flatMap(([name, [value]]) => (value! > 0 ? [name] : []))
    expect(known).toEqual(['x:取', 'x:消', 'x:取 消'])
  })

  it('can be pairs only, with words that are no feature themselves', async () => {
    const features = await encodeColumn('text', [texts('a1 b1 c1', 'b1 c1'), texts('c1', 'a1 b1', 'b1 c1 b1')], {
      text: { words: [2, 2], minDocuments: 1, length: 1 },
    })
    expect(features).toEqual({ 'x:a1 b1': [0, 1, 0], 'x:b1 c1': [0, 0, 1] })
  })

  it('cope with no rows, one row and a cell of a megabyte', async () => {
    const encoding = fitEncoding(aTable({ x: texts('hello world', 'hello you') }), [aColumn('x', 'text')], {
      text: { length: 1 },
    })
    expect(await served(encoding, aTable({ x: texts() }))).toEqual([])
    expect(await served(encoding, aTable({ x: texts('hello') }))).toEqual([[1]])
    expect(await served(encoding, aTable({ x: texts('hello wonder '.repeat(80_000)) }))).toEqual([[1]])
  })
})

const SCIKIT_LEARN = {
  'x:and': [0.0, 0.0, 0.53384],
  'x:cat': [0.24276, 0.0, 0.32756],
  'x:dog': [0.0, 0.39351, 0.32756],
  'x:mat': [0.3192, 0.0, 0.0],
  'x:on': [0.3192, 0.0, 0.0],
  'x:sat': [0.24276, 0.39351, 0.0],
  'x:the': [0.41102, 0.39351, 0.0],
  'x:and cat': [0.0, 0.0, 0.25438],
  'x:and dog': [0.0, 0.0, 0.4307],
  'x:cat and': [0.0, 0.0, 0.4307],
  'x:cat sat': [0.3192, 0.0, 0.0],
  'x:dog and': [0.0, 0.0, 0.25438],
  'x:dog sat': [0.0, 0.51742, 0.0],
  'x:on the': [0.3192, 0.0, 0.0],
  'x:sat on': [0.3192, 0.0, 0.0],
  'x:the cat': [0.3192, 0.0, 0.0],
  'x:the dog': [0.0, 0.51742, 0.0],
  'x:the mat': [0.3192, 0.0, 0.0],
}
