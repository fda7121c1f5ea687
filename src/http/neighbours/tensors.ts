// The doors of other servers for models that take tensors: their rows become tensors in the shapes the graph declares, and its outputs
// nested lists, by row or by output as each of those servers answers.
import type { Call } from '../../core/caller.ts'
import type { WantedModel } from '../../core/data-plane.ts'
import { datatypeOf, tensorInvalid } from '../../core/oip/datatypes.ts'
import type { OpenInference } from '../../core/open-inference.ts'
import type { Tensor, TensorInfo, Tensors, TensorType } from '../../core/tensors.ts'
import { dataJson, fromJson } from '../oip/json-tensor.ts'
import type { GivenRows } from './rows.ts'

/** `rows`: one entry a row, its value alone where the model has one output. `outputs`: everything by name. */
export type Answered = 'rows' | 'outputs'

interface Question {
  readonly call: Call
  readonly wanted: WantedModel
  readonly answered: Answered
}

/** @throws `invalid` TENSOR_INVALID, and as `DataPlane.infer`. */
export async function predictTensors(plane: OpenInference, { call, wanted, answered }: Question, given: GivenRows) {
  const { inputs } = await plane.describe(call, wanted)
  const { outputs } = await plane.infer(call, { ...wanted, inputs: tensorsOf(inputs, given) })
  return { predictions: answered === 'rows' ? byRow(outputs, given.rows.length) : byName(outputs) }
}

function tensorsOf(inputs: readonly TensorInfo[], { rows, field, columns }: GivenRows): Tensors {
  return Object.fromEntries(
    inputs.map((input) => {
      const found = rows.map((row, index) => givenFor(row, { input, index, columns, only: inputs.length === 1 }))
      const data = field === 'csv' ? found.map((value) => ofCells(value, input.type)) : found
      const shape = shapeOf(input, data)
      const count = shape.reduce((product, dim) => product * dim, 1)
      return [input.name, fromJson({ name: input.name, datatype: datatypeOf(input.type), shape, count }, data)]
    }),
  )
}

interface Place {
  readonly input: TensorInfo
  readonly index: number
  readonly columns: readonly string[] | undefined
  /** The model takes nothing else: a row is its value, columns are its numbers side by side. */
  readonly only: boolean
}

function givenFor(row: unknown, { input, index, columns, only }: Place): unknown {
  if (Array.isArray(row)) {
    if (only) return row
    throw tensorInvalid(input.name, `is not named in row ${index}: this model takes several tensors`)
  }
  const fields = row as Readonly<Record<string, unknown>>
  if (Object.hasOwn(fields, input.name)) return fields[input.name]
  if (only) return columns ? columns.map((name) => fields[name]) : Object.values(fields)
  throw tensorInvalid(input.name, `is missing in row ${index}`)
}

const NUMERAL = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i
const TRUTH: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
])

/** Cells of CSV are text, and what they mean the tensor says; what is no number stays text, and is refused as such. */
function ofCells(value: unknown, type: TensorType): unknown {
  if (Array.isArray(value)) return value.map((cell) => ofCells(cell, type))
  if (type === 'string') return value ?? ''
  if (typeof value !== 'string') return value
  const text = value.trim().toLowerCase()
  if (text === 'nan') return Number.NaN
  if (!NUMERAL.test(text)) return type === 'bool' ? (TRUTH.get(text) ?? value) : value
  return type.endsWith('int64') && /^-?\d+$/.test(text) ? BigInt(text) : Number(text)
}

/** As nested, where that has as many axes as declared; else the declared axes, of which one may follow from the number of values. */
function shapeOf({ name, dims }: TensorInfo, data: readonly unknown[]): number[] {
  const nested: number[] = []
  for (let level: unknown = data; Array.isArray(level); level = level[0]) nested.push(level.length)
  if (nested.length === dims.length) return nested
  const declared = [data.length, ...dims.slice(1)]
  const known = declared.reduce<number>((product, dim) => product * (dim ?? 1), 1)
  const rest = nested.reduce((product, length) => product * length, 1) / known
  const free = declared.filter((dim) => dim === null).length
  if (free > 1 || !Number.isInteger(rest)) {
    const [given, taken] = [nested, dims.map((dim) => dim ?? 'any')].map((axes) => axes.slice(0, 8).join(', '))
    throw tensorInvalid(name, `has the shape [${given}]; the model takes [${taken}]`)
  }
  return declared.map((dim) => dim ?? rest)
}

function byName(outputs: Tensors): Record<string, unknown> {
  return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, nestedOf(name, tensor)]))
}

/** An output that has no axis of rows is part of every one. */
function byRow(outputs: Tensors, rows: number): unknown[] {
  const entries = Object.entries(outputs).map(([name, tensor]) => {
    const values = nestedOf(name, tensor)
    return [name, (row: number) => (tensor.dims[0] === rows && Array.isArray(values) ? values[row] : values)] as const
  })
  return Array.from({ length: rows }, (_, row) => {
    const [only, second] = entries
    return only && !second ? only[1](row) : Object.fromEntries(entries.map(([name, at]) => [name, at(row)]))
  })
}

function nestedOf(name: string, tensor: Tensor): unknown {
  let level = JSON.parse(dataJson(name, tensor)) as unknown[]
  if (tensor.dims.length === 0) return level[0]
  for (const dim of tensor.dims.slice(1).toReversed()) {
    level = Array.from({ length: dim === 0 ? 0 : level.length / dim }, (_, i) => level.slice(i * dim, (i + 1) * dim))
  }
  return level
}
