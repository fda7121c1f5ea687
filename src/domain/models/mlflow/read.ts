// A folder as MLflow writes it, wherever its files lie: MLmodel, the ONNX file, and the files beside it in which MLflow by default
// keeps the weights. Those are taken into the ONNX file, because one file is what everything else here handles.
import { posix } from 'node:path'
import { fail } from '../../../core/failure.ts'
import { embedExternal, externalFiles } from '../../../ml/onnx/external.ts'
import { inspectModel } from '../../../ml/onnx/inspect.ts'
import type { MlflowDescriptor } from './descriptor.ts'

/** The content of a file by its name in the folder; undefined where there is none. Longer files may be cut there. */
export type ReadFile = (name: string, mostBytes: number) => Promise<Uint8Array | undefined>

export interface MlflowModel {
  /** The ONNX file with all its weights. */
  readonly bytes: Uint8Array
  readonly descriptor: MlflowDescriptor
  /** Files whose weights were taken in. */
  readonly taken: readonly string[]
}

export const DESCRIPTOR = 'MLmodel'
const MAX_DESCRIPTOR_BYTES = 2 ** 20
const MAX_FILE_BYTES = 2 ** 31
/** More files than this are no model but an attempt to keep the service busy. */
const MAX_EXTERNAL_FILES = 10_000

export async function readMlflow(read: ReadFile): Promise<MlflowModel> {
  const text = await read(DESCRIPTOR, MAX_DESCRIPTOR_BYTES + 1)
  if (!text) throw fail('malformed', 'MLFLOW_MALFORMED', `There is no file ${DESCRIPTOR}`)
  if (text.length > MAX_DESCRIPTOR_BYTES)
    throw fail('malformed', 'MLFLOW_MALFORMED', `The file ${DESCRIPTOR} is too long`)
  // Imported late: few services ever read one, and the reader of YAML is seventy modules.
  const { readDescriptor } = await import('./descriptor.ts')
  const descriptor = readDescriptor(Buffer.from(text).toString('utf8'))
  const path = inside(descriptor.data)
  const bytes = path === undefined ? undefined : await read(path, MAX_FILE_BYTES)
  if (!bytes) {
    throw fail(
      'malformed',
      'MLFLOW_MALFORMED',
      `${DESCRIPTOR} names the file "${descriptor.data}", which is not in the folder`,
    )
  }
  if (!inspectModel(bytes).externalData) return { bytes, descriptor, taken: [] }
  const taken = externalFiles(bytes)
  return { bytes: embedExternal(bytes, await contentOf(taken, posix.dirname(path!), read)), descriptor, taken }
}

async function contentOf(names: readonly string[], folder: string, read: ReadFile): Promise<Map<string, Uint8Array>> {
  if (names.length > MAX_EXTERNAL_FILES) throw external(`${names.length} of them`)
  const content = new Map<string, Uint8Array>()
  let total = 0
  for (const name of names) {
    const path = inside(name, folder)
    if (path === undefined) throw external(`"${name.slice(0, 100)}" leads out of the folder`)
    const found = await read(path, MAX_FILE_BYTES)
    if (!found) throw external(`"${path}" is not in the folder`)
    total += found.length
    if (total > MAX_FILE_BYTES)
      throw fail('too_large', 'MODEL_TOO_LARGE', 'The weights of a model must be smaller than 2 GiB')
    content.set(name, found)
  }
  return content
}

function external(what: string) {
  return fail('invalid', 'MODEL_EXTERNAL_DATA', `The model keeps weights in other files: ${what}`)
}

/** The same name, seen from the top of the folder; undefined where it leads out of it. */
function inside(name: string, folder = '.'): string | undefined {
  if (name === '' || name.startsWith('/') || /[\\\0]|^[A-Za-z]:/.test(name) || name.split('/').includes('..'))
    return undefined
  return posix.join(folder, name)
}
