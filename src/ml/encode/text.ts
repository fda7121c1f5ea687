// Text columns: TF-IDF over n-grams, like scikit-learn's TfidfVectorizer (smoothed IDF, L2 norm, optionally sublinear),
// but not by ONNX's TfIdfVectorizer. That operator gives a dense row, and logarithm, IDF, norm and search for non-zeros
// over 5,574 × 14,993 numbers took several times its own time. Here tokens are looked up as numbers, an n-gram being (its
// prefix, its last unit), and everything after is done per occurrence.
import type { ContractColumn } from '../../contract/datasets.ts'
import { fail } from '../../core/failure.ts'
import type { GraphBuilder, Value } from '../onnx/graph.ts'
import type { Table } from '../table.ts'
import { type Block, int64s, ones, slice, TO_THE_END, type Written, zeros } from './block.ts'
import { join } from './number-nodes.ts'
import type { EncodingOptions } from './options.ts'
import { wordPattern } from './tokens.ts'
import { chooseNgrams, type Ngram, type NgramOptions } from './vocabulary.ts'

interface TextFit {
  readonly unit: NgramOptions['unit']
  readonly range: readonly [number, number]
  /** By length, from 1: n-gram (unit strings) → id. Ids from the number of features on are prefixes without a feature. */
  readonly levels: readonly ReadonlyMap<string, LevelEntry>[]
  /** One more than the highest id; the highest itself stands for anything unknown. */
  readonly slots: number
  /** By id; 0 for what is no feature. */
  readonly weights: Float64Array
  readonly sublinear: boolean
  readonly length: number
}

interface LevelEntry {
  readonly id: number
  /** Id of the n-gram without its last unit; -1 for single units. */
  readonly prefix: number
  readonly last: string
}

/** The blocks of one text column: its words, its characters, or both. */
export function fitText(table: Table, column: ContractColumn, options: EncodingOptions): Block[] {
  const stored = table.columns.get(column.name)
  if (stored?.form !== 'text') throw fail('internal', 'COLUMN_FORM', `Column "${column.name}" should hold text`)
  const { words, characters, minDocuments, maxFeatures, sublinear, length } = options.text
  const blocks: Block[] = []
  const ranges = characters === 'short' ? (areShort(stored.values) ? IN_SHORT_TEXTS : null) : characters
  for (const [unit, range] of [['word', words] as const, ['character', ranges] as const]) {
    if (!range) continue
    const ngrams = chooseNgrams(stored.values, { unit, range, minDocuments, maxFeatures })
    const fit = { ...numberNgrams(ngrams, table.rows), unit, range, sublinear, length }
    const separator = unit === 'word' ? ' ' : ''
    const mark = unit === 'word' ? ':' : '~'
    blocks.push({
      features: ngrams.map(({ units }) => ({
        name: `${column.name}${mark}${units.join(separator)}`,
        column: column.name,
        kind: 'token',
      })),
      nonZeros: ngrams.reduce((sum, one) => sum + one.documents, 0) / Math.max(1, table.rows),
      dropped: ngrams.length === 0 ? [{ column: column.name, reason: 'no word occurs' }] : [],
      write: (graph, inputs) => writeText(graph, inputs.get(column.name)!, fit),
    })
  }
  return blocks
}

/** Measured on 15,000 questions of 40 characters and 1,500 issues of 1,600: docs/decisions/016-characters-in-short-texts.md */
const SHORT_TEXT = 200
const IN_SHORT_TEXTS = [2, 4] as const

function areShort(values: readonly (string | null)[]): boolean {
  const total = values.reduce((sum, value) => sum + (value?.length ?? 0), 0)
  return total <= SHORT_TEXT * values.length
}

/** Numbers the n-grams and the prefixes and units they are reached by. IDF is ln((1 + rows) / (1 + documents)) + 1. */
function numberNgrams(ngrams: readonly Ngram[], rows: number): Pick<TextFit, 'levels' | 'slots' | 'weights'> {
  const longest = ngrams.reduce((most, one) => Math.max(most, one.units.length), 1)
  const levels = Array.from({ length: longest }, () => new Map<string, LevelEntry>())
  const key = (units: readonly string[]) => units.join('\0')
  const wanted = new Map(ngrams.map((one, id) => [key(one.units), id]))
  let next = ngrams.length
  const number = (units: readonly string[]): number => {
    const level = levels[units.length - 1]!
    const name = key(units)
    const known = level.get(name)
    if (known) return known.id
    const last = units[units.length - 1]!
    const prefix = units.length > 1 ? number(units.slice(0, -1)) : -1
    if (units.length > 1) number([last])
    const id = wanted.get(name) ?? next++
    level.set(name, { id, prefix, last })
    return id
  }
  for (const { units } of ngrams) number(units)
  const weights = new Float64Array(next + 1)
  ngrams.forEach(({ documents }, id) => {
    weights[id] = Math.log((1 + rows) / (1 + documents)) + 1
  })
  return { levels, slots: next + 1, weights }
}

/** An extra cell keeps the runtime from an empty batch and from rows without tokens, both of which it refuses. */
const GUARD = 'aa aa aa aa aa aa aa aa aa aa'

function writeText(graph: GraphBuilder, cell: Value, fit: TextFit): Written {
  const flat = graph.node('Reshape', [cell, int64s(graph, 'flat', [-1])])
  const guard = graph.constant('guard', { type: 'string', dims: [1], data: [GUARD] })
  const guarded = graph.node('Concat', [flat, guard], { attributes: { axis: { int: 0 } } })
  const lower = graph.node('StringNormalizer', [guarded], {
    attributes: {
      case_change_action: { string: 'LOWER' },
      is_case_sensitive: { int: 1 },
      locale: { string: 'C.UTF-8' },
    },
  })
  const tokens = graph.node('Tokenizer', [lower], {
    domain: 'com.microsoft',
    attributes: {
      mark: { int: 0 },
      mincharnum: { int: 1 },
      pad_value: { string: '' },
      ...(fit.unit === 'word' ? { tokenexp: { string: wordPattern() } } : { separators: { strings: [''] } }),
    },
  })
  const ids = writeIds(graph, slice(graph, tokens, { axis: 0, start: 0, end: -1 }), fit)
  return { form: 'pairs', ids, values: writeWeights(graph, ids, fit), slots: fit.slots }
}

/** [N, L] int64: the ids of all n-grams of the wanted lengths, in order of length and place. */
function writeIds(graph: GraphBuilder, tokens: Value, fit: TextFit): Value {
  const unknown = fit.slots - 1
  const singles = [...fit.levels[0]!.values()]
  const units = graph.node('LabelEncoder', [tokens], {
    domain: 'ai.onnx.ml',
    attributes: {
      keys_strings: { strings: singles.map((one) => one.last) },
      values_int64s: { ints: singles.map((one) => one.id) },
      default_int64: { int: unknown },
    },
  })
  const unitIds = new Map(singles.map((one) => [one.last, one.id]))
  const slots = int64s(graph, 'slots', [fit.slots])
  const wanted: Value[] = fit.range[0] === 1 ? [units] : []
  let shorter = units
  for (let length = 2; length <= fit.levels.length; length++) {
    const entries = [...fit.levels[length - 1]!.values()]
    const before = slice(graph, shorter, { axis: 1, start: 0, end: -1 })
    const after = slice(graph, units, { axis: 1, start: length - 1, end: TO_THE_END })
    const pair = graph.node('Add', [graph.node('Mul', [before, slots]), after])
    shorter = graph.node('LabelEncoder', [pair], {
      domain: 'ai.onnx.ml',
      attributes: {
        keys_int64s: { ints: entries.map((one) => one.prefix * fit.slots + unitIds.get(one.last)!) },
        values_int64s: { ints: entries.map((one) => one.id) },
        default_int64: { int: unknown },
      },
    })
    if (length >= fit.range[0]) wanted.push(shorter)
  }
  return join(graph, wanted)
}

/**
 * [N, L] float32: TF-IDF of the n-gram at each place, the rows scaled to one length over their distinct n-grams. In float64,
 * because a float32 sum depends on how far a batch is padded, and a row must not depend on its company.
 */
function writeWeights(graph: GraphBuilder, ids: Value, fit: TextFit): Value {
  const counted = graph.node('ScatterElements', [zeros(graph, ids, fit.slots), ids, ones(graph, ids)], {
    attributes: { axis: { int: 1 }, reduction: { string: 'add' } },
  })
  const counts = graph.node('GatherElements', [counted, ids], { attributes: { axis: { int: 1 } } })
  const count = graph.node('Cast', [counts], { attributes: { to: { int: 11 } }, hint: 'count' })
  const float64 = (hint: string, data: Float64Array) =>
    graph.constant(hint, { type: 'float64', dims: [data.length], data })
  const frequency = fit.sublinear
    ? graph.node('Add', [graph.node('Log', [count]), float64('one', Float64Array.of(1))])
    : count
  const weight = graph.node('Mul', [frequency, graph.node('Gather', [float64('idf', fit.weights), ids])])
  // Each distinct n-gram stands `count` times in the row, so its square is shared among them.
  const squares = graph.node('Div', [graph.node('Mul', [weight, weight]), count])
  const sum = graph.node('ReduceSum', [squares, int64s(graph, 'axis', [1])])
  const shrunk = graph.node('Mul', [graph.node('Sqrt', [sum]), float64('per_length', Float64Array.of(1 / fit.length))])
  const norm = graph.node('Max', [shrunk, float64('tiny', Float64Array.of(1e-12))])
  return graph.node('Cast', [graph.node('Div', [weight, norm])], { attributes: { to: { int: 1 } }, hint: 'tfidf' })
}
