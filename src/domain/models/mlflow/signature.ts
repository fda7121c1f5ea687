// MLflow's signature laid over what the graph itself says: names of columns, which of them may be missing, and which of the graph's
// numbers are whole or truth values. As in MLflow, the columns of a table go side by side into a graph of one tensor.
import type { Signature, SignatureInput } from '../../../contract/models.ts'
import { fail } from '../../../core/failure.ts'
import type { ModelInfo } from '../../../runtime/index.ts'
import { tensorLayouts } from '../layout.ts'
import type { DeclaredColumn, DeclaredInput } from './descriptor.ts'

type Dtype = SignatureInput['dtype']

/** By the type of the graph's column; what is not listed cannot be given to it. */
const MEANS: Readonly<Partial<Record<Dtype, Readonly<Record<string, Dtype>>>>> = {
  number: { double: 'number', float: 'number', long: 'integer', integer: 'integer', boolean: 'boolean' },
  integer: { long: 'integer', integer: 'integer', boolean: 'boolean' },
  boolean: { boolean: 'boolean', long: 'boolean', integer: 'boolean' },
  string: { string: 'string' },
}

/**
 * @param derived what the graph says, its inputs in the order of the graph.
 * @throws `invalid` MLFLOW_SIGNATURE_MISMATCH where the two contradict each other.
 */
export function declaredSignature(
  derived: Signature,
  info: Pick<ModelInfo, 'inputs'>,
  declared: readonly DeclaredInput[] | undefined,
): Signature {
  const columns = declared?.filter((input) => input.kind === 'column')
  if (declared === undefined || columns?.length === 0) {
    requireTensors(info, declared ?? [])
    return derived
  }
  const named = columns!
  const byName = new Map(derived.inputs.map((input) => [input.name, input]))
  if (named.length === byName.size && named.every(({ name }) => name !== undefined && byName.has(name))) {
    return { ...derived, inputs: named.map((column) => together(column, byName.get(column.name!)!)) }
  }
  if (info.inputs.length === 1 && named.length === derived.inputs.length) {
    requireDistinct(named)
    return { ...derived, inputs: named.map((column, i) => together(column, derived.inputs[i]!)) }
  }
  throw mismatch(
    `it has the columns ${listed(named.map(({ name }) => name ?? '(no name)'))}, the graph takes ${takes(info)}`,
  )
}

function together({ name, type, required }: DeclaredColumn, input: SignatureInput): SignatureInput {
  const dtype = MEANS[input.dtype]?.[type]
  if (dtype === undefined) {
    throw mismatch(`its column "${name ?? input.name}" is ${type}, where the graph takes ${input.dtype} values`)
  }
  const canMiss = input.dtype === 'number' || input.dtype === 'string'
  return { name: name ?? input.name, dtype, nullable: required === undefined ? input.nullable : !required && canMiss }
}

function requireDistinct(columns: readonly DeclaredColumn[]): void {
  const names = columns.flatMap(({ name }) => name ?? [])
  if (new Set(names).size !== names.length) throw mismatch('two of its columns have the same name')
}

function requireTensors({ inputs }: Pick<ModelInfo, 'inputs'>, declared: readonly DeclaredInput[]): void {
  const known = new Set(inputs.map(({ name }) => name))
  const unknown = declared.flatMap(({ name }) => (name === undefined || known.has(name) ? [] : name))
  // A graph of one tensor is fed by whatever the one tensor is called.
  if (unknown.length === 0 || (inputs.length === 1 && declared.length === 1)) return
  throw mismatch(`it has the tensors ${listed(unknown)}, the graph takes ${takes({ inputs })}`)
}

function takes(info: Pick<ModelInfo, 'inputs'>): string {
  return tensorLayouts(info.inputs)
    .map(({ name, width }) => (width === 1 ? `"${name}"` : `"${name}" of ${width} columns`))
    .join(', ')
}

const SHOWN_NAMES = 10

function listed(names: readonly string[]): string {
  const more = names.length > SHOWN_NAMES ? ` and ${names.length - SHOWN_NAMES} more` : ''
  return (
    names
      .slice(0, SHOWN_NAMES)
      .map((name) => `"${name}"`)
      .join(', ') + more
  )
}

function mismatch(what: string) {
  return fail(
    'invalid',
    'MLFLOW_SIGNATURE_MISMATCH',
    `The signature of the MLflow model does not fit its graph: ${what}`,
  )
}
