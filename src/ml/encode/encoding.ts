// Turns the columns of a table into float32 features. The ONNX nodes are the fitted state and its only implementation:
// onnxruntime makes the training matrix with the same nodes that serve, so the two cannot differ.
import type { ContractColumn } from '../../contract/datasets.ts'
import { fail } from '../../core/failure.ts'
import type { FeatureInfo } from '../features.ts'
import { GraphBuilder, type Value } from '../onnx/graph.ts'
import type { Table } from '../table.ts'
import { type Block, type DroppedColumn, dense } from './block.ts'
import { fitCategories } from './categories.ts'
import { type EncodingInput, encodingInput } from './feeds.ts'
import { join } from './number-nodes.ts'
import { fitNumbers } from './numbers.ts'
import { type EncodingChoices, type EncodingOptions, type EncodingPlan, encodingOptions } from './options.ts'
import { fitText } from './text.ts'

export interface Encoding {
  /** 'age', 'age is missing', 'job=admin', 'job is other', 'due weekday (sin)', 'title:server down', 'title~erv'; all differ. */
  readonly featureNames: readonly string[]
  /** What every feature is, in order. */
  readonly features: readonly FeatureInfo[]
  /** Position in `inputs` of the source column of every feature. */
  readonly featureColumns: Uint32Array
  /** Number of features, at least 1. */
  readonly width: number
  /** Most features of a row are zero: training should ask for CSR. */
  readonly sparse: boolean
  /** One graph input per column, in the order the columns were given. */
  readonly inputs: readonly EncodingInput[]
  /** Columns that gave no feature. They stay inputs of the graph. */
  readonly dropped: readonly DroppedColumn[]
  /** Declares the inputs, adds all nodes and returns the [N, width] float32 features. */
  write(graph: GraphBuilder): Value
  /** The parts of a training graph: a model file, and how its outputs make up the features. */
  trainingGraph(): TrainingGraph
}

/** A graph whose outputs are kept apart: see `encodeTable`, which runs it. */
export interface TrainingGraph {
  readonly bytes: Uint8Array
  readonly parts: readonly TrainingPart[]
}

export type TrainingPart = { readonly offset: number; readonly width: number } & (
  | { readonly form: 'dense'; readonly output: string }
  | { readonly form: 'pairs'; readonly ids: string; readonly values: string }
)

/** From this width on, and up to this share of non-zeros, a matrix is cheaper as CSR. */
const SPARSE_WIDTH = 256
const SPARSE_SHARE = 0.1

/**
 * Learns from `table` how to encode `columns`. `invalid` when a column is not in the table or when no column varies, so
 * that there is nothing to learn from; `internal` when a column's physical form does not fit its dtype. Of several choices
 * the features stand side by side, and each knows its part.
 */
export function fitEncoding(table: Table, columns: readonly ContractColumn[], plan: EncodingPlan = {}): Encoding {
  for (const { name } of columns) {
    if (!table.columns.has(name)) throw fail('invalid', 'COLUMN_MISSING', `The table has no column "${name}"`)
  }
  const choices = Array.isArray(plan) ? (plan as readonly EncodingChoices[]) : [plan as EncodingChoices]
  const parts = choices.map((one) => fitPart(table, columns, encodingOptions(one)))
  const blocks = parts.flatMap((part) => part.blocks)
  const features = parts.flatMap((part, i) => {
    const own = part.blocks.flatMap((block) => block.features)
    return parts.length === 1 ? own : own.map((feature) => ({ ...feature, part: i }))
  })
  const dropped = parts[0]!.dropped.filter((one) => parts.every((part) => part.drops(one.column)))
  const inputs = columns.map(encodingInput)
  const position = new Map(inputs.map((input, i) => [input.name, i]))
  const nonZeros = blocks.reduce((sum, block) => sum + block.nonZeros, 0)
  const sparse = features.length >= SPARSE_WIDTH && nonZeros <= SPARSE_SHARE * features.length
  return {
    featureNames: distinct(features.map((feature) => feature.name)),
    features,
    featureColumns: Uint32Array.from(features, (feature) => position.get(feature.column)!),
    width: features.length,
    sparse,
    inputs,
    dropped,
    write: (graph) => {
      const values = declare(graph, inputs)
      const parts = blocks.map((block) => dense(graph, block.write(graph, values), block.features.length))
      return join(graph, parts)
    },
    trainingGraph: () => trainingGraph(blocks, inputs, sparse ? 'pairs' : 'dense'),
  }
}

interface FittedPart {
  readonly blocks: readonly Block[]
  readonly dropped: readonly DroppedColumn[]
  drops(column: string): boolean
}

function fitPart(table: Table, columns: readonly ContractColumn[], options: EncodingOptions): FittedPart {
  const of = (...dtypes: ContractColumn['dtype'][]) => columns.filter((column) => dtypes.includes(column.dtype))
  const fitted = [
    fitNumbers(table, of('number', 'integer', 'boolean', 'datetime'), options),
    fitCategories(table, of('string'), options),
    ...of('text').flatMap((column) => fitText(table, column, options)),
  ].filter((block) => block !== null)
  const blocks = fitted.filter((block) => block.features.length > 0)
  const dropped = fitted.flatMap((block) => block.dropped)
  if (blocks.length === 0) {
    const why = dropped.map(({ column, reason }) => `"${column}" (${reason})`).slice(0, 20)
    throw fail('invalid', 'NO_USABLE_FEATURES', `No column says anything: ${why.join(', ') || 'there is none'}`, {
      details: { dropped },
    })
  }
  const names = new Set(dropped.map(({ column }) => column))
  return { blocks, dropped, drops: (column) => names.has(column) }
}

/** A name that stands for several features bears a number from the second on. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set<string>()
  return names.map((name) => {
    let own = name
    for (let number = 2; taken.has(own); number++) own = `${name} (${number})`
    taken.add(own)
    return own
  })
}

function declare(graph: GraphBuilder, inputs: readonly EncodingInput[]): Map<string, Value> {
  return new Map(inputs.map(({ name, tensorType }) => [name, graph.input(name, tensorType, ['N', 1])]))
}

function trainingGraph(
  blocks: readonly Block[],
  inputs: readonly EncodingInput[],
  form: TrainingPart['form'],
): TrainingGraph {
  const graph = new GraphBuilder()
  const values = declare(graph, inputs)
  const taken = new Set(inputs.map((input) => input.name))
  const parts: TrainingPart[] = []
  const output = (hint: string, value: Value, type: 'float32' | 'int64') => {
    let name = `${hint}_${parts.length}`
    while (taken.has(name)) name += '_'
    taken.add(name)
    graph.output(name, value, type, ['N', `${name} columns`])
    return name
  }
  let offset = 0
  for (const block of blocks) {
    const width = block.features.length
    const written = block.write(graph, values)
    if (written.form === 'pairs' && form === 'pairs') {
      const ids = output('training_ids', written.ids, 'int64')
      parts.push({ form, offset, width, ids, values: output('training_values', written.values, 'float32') })
    } else {
      parts.push({
        form: 'dense',
        offset,
        width,
        output: output('training_features', dense(graph, written, width), 'float32'),
      })
    }
    offset += width
  }
  return { bytes: graph.build({ name: 'encoding' }), parts }
}
