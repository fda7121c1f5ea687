// The example models of Triton's quick start, built anew, and a service that has them live.
import type { MlClient } from '../../src/client.ts'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import type { ElementType } from '../../src/ml/onnx/types.ts'
import { echoModel } from '../runtime-models.ts'

/** OUTPUT0 = INPUT0 + INPUT1, OUTPUT1 = INPUT0 − INPUT1; the string variant takes and gives numbers as text. */
export function simpleModel(text: 'numbers' | 'strings' = 'numbers'): Uint8Array {
  const graph = new GraphBuilder()
  const outside: ElementType = text === 'strings' ? 'string' : 'int32'
  const inputs = ['INPUT0', 'INPUT1'].map((name) => graph.input(name, outside, ['N', 16]))
  const cast = (value: { name: string }, to: number) =>
    text === 'strings' ? graph.node('Cast', [value], { attributes: { to: { int: to } } }) : value
  const INT32 = 6
  const STRING = 8
  const [a, b] = inputs.map((value) => cast(value, INT32))
  graph.output('OUTPUT0', cast(graph.node('Add', [a!, b!]), STRING), outside, ['N', 16])
  graph.output('OUTPUT1', cast(graph.node('Sub', [a!, b!]), STRING), outside, ['N', 16])
  return graph.build({ name: `simple ${text}` })
}

/** y = x for one input of a type. */
export function identityModel(type: ElementType, dims: readonly (string | number)[] = ['N', 'M']): Uint8Array {
  const graph = new GraphBuilder()
  const x = graph.input('INPUT0', type, dims)
  graph.output('OUTPUT0', graph.node('Identity', [x]), type, dims)
  return graph.build({ name: `identity ${type}` })
}

export interface TensorModelOptions {
  readonly name: string
  readonly file: Uint8Array
  readonly version?: string
  readonly labels?: readonly string[]
}

/** Registers a model that is called by tensors, and makes it live. */
export async function aTensorModel(client: MlClient, { name, file, version, labels }: TensorModelOptions) {
  const known = await client.models.get({ model_id: name }).catch(() => undefined)
  const { id } = known ?? (await client.models.create({ name, type: 'custom' }))
  const imported = await client.versions.import({
    model_id: id,
    file,
    trusted: true,
    ...(version !== undefined && { version }),
    ...(labels && { labels: [...labels] }),
  })
  await client.models.deploy({ model_id: id, version: imported.version, environment: 'production' })
  return imported
}

/** Every type the protocol has a JSON form for, echoed. */
export function echoOfAll(): Uint8Array {
  return echoModel(['float32', 'float64', 'int64', 'int32', 'bool', 'string'])
}
