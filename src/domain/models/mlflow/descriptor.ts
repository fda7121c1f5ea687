// The file MLmodel: which of the flavours is ours, where its data lies, and what MLflow's signature says of inputs.
// Only what the service uses is read; what else stands there is MLflow's business.
import { fail } from '../../../core/failure.ts'
import { parseYaml, type Yaml } from './yaml.ts'

/** A column of a table. MLflow also knows nested ones, whose `type` is then `object`, `array` or `map`. */
export interface DeclaredColumn {
  readonly kind: 'column'
  readonly name: string | undefined
  readonly type: string
  /** Undefined where an old MLflow wrote nothing. */
  readonly required: boolean | undefined
}

export interface DeclaredTensor {
  readonly kind: 'tensor'
  readonly name: string | undefined
}

export type DeclaredInput = DeclaredColumn | DeclaredTensor

export interface MlflowDescriptor {
  /** The ONNX file, relative to the folder. */
  readonly data: string
  /** Undefined where the model was logged without a signature. */
  readonly inputs: readonly DeclaredInput[] | undefined
  /** The last part of the path it was logged under. */
  readonly name: string
  /** Where MLflow says it comes from, for the lineage. */
  readonly origin: Readonly<Record<string, string>>
}

const ORIGIN = ['mlflow_version', 'model_id', 'model_uuid', 'run_id', 'utc_time_created'] as const

type Fields = ReadonlyMap<string, Yaml>

/** @throws `malformed` MLFLOW_MALFORMED, `invalid` MLFLOW_NOT_ONNX */
export function readDescriptor(text: string): MlflowDescriptor {
  const document = fieldsOf(parseYaml(text), 'the file')
  const flavors = fieldsOf(document.get('flavors') ?? '', '"flavors"')
  const onnx = flavors.get('onnx')
  if (onnx === undefined) throw notOnnx([...flavors.keys()])
  const signature = document.get('signature')
  const origin = ORIGIN.flatMap((key) => {
    const value = textOf(document.get(key))
    return value === undefined ? [] : [[key, value] as const]
  })
  return {
    data: textOf(fieldsOf(onnx, '"flavors.onnx"').get('data')) ?? 'model.onnx',
    inputs: isFields(signature) ? inputsOf(textOf(signature.get('inputs'))) : undefined,
    name: textOf(document.get('artifact_path'))?.split('/').at(-1) ?? '',
    origin: Object.fromEntries(origin),
  }
}

function notOnnx(flavors: readonly string[]) {
  const own = flavors.filter((name) => name !== 'python_function').join(', ') || 'python_function'
  return fail(
    'invalid',
    'MLFLOW_NOT_ONNX',
    `The MLflow model has the flavour ${own}, but not onnx: convert it to ONNX (skl2onnx, torch.onnx, onnxmltools, …) and log it with mlflow.onnx.log_model(onnx_model, …, signature=…)`,
  )
}

function malformed(what: string) {
  return fail('malformed', 'MLFLOW_MALFORMED', `The file MLmodel cannot be read: ${what}`)
}

function isFields(value: Yaml | undefined): value is Fields {
  return value instanceof Map
}

function fieldsOf(value: Yaml, what: string): Fields {
  if (!isFields(value)) throw malformed(`${what} has no fields`)
  return value
}

/** `null` and `~` are nothing. */
function textOf(value: Yaml | undefined): string | undefined {
  return typeof value === 'string' && !['', '~', 'null', 'Null', 'NULL'].includes(value) ? value : undefined
}

/** A list as JSON text. */
function inputsOf(text: string | undefined): DeclaredInput[] | undefined {
  if (text === undefined) return undefined
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw malformed('its signature is no JSON')
  }
  if (!Array.isArray(list)) throw malformed('the inputs of its signature are no list')
  return list.map((entry: unknown): DeclaredInput => {
    const { name, type, required, optional } = (entry ?? {}) as Readonly<Record<string, unknown>>
    if (typeof type !== 'string') throw malformed('an input of its signature has no type')
    const shown = typeof name === 'string' ? name : undefined
    if (type === 'tensor') return { kind: 'tensor', name: shown }
    const must = typeof required === 'boolean' ? required : optional === true ? false : undefined
    return { kind: 'column', name: shown, type, required: must }
  })
}
