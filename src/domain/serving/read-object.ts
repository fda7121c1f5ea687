// Whole objects in memory. Undefined where nothing is stored: to the caller of a model that is a fault of the service, not a wrong
// address.
import { asFailure } from '../../core/failure.ts'
import type { Objects } from '../../ports/objects/index.ts'
import { loadMlflow, type ReadFile } from '../models/index.ts'
import type { VersionRecord } from './served-version.ts'

/** What lies beyond `mostBytes` is left out. */
export async function readObject(objects: Objects, key: string, mostBytes?: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = []
  const range = mostBytes === undefined ? undefined : { start: 0, end: mostBytes - 1 }
  try {
    for await (const chunk of await objects.get(key, range)) chunks.push(chunk as Uint8Array)
  } catch (error) {
    if (asFailure(error).kind === 'not_found') return undefined
    throw error
  }
  return Buffer.concat(chunks)
}

/** The files of a folder, whose keys begin with `folder`. */
export function readerOf(objects: Objects, folder: string): ReadFile {
  return (name, mostBytes) => readObject(objects, folder + name, mostBytes)
}

/** The ONNX file of a version, wherever it lies. */
export async function readModel(
  objects: Objects,
  { artifactKey, mlflow }: Pick<VersionRecord, 'artifactKey' | 'mlflow'>,
): Promise<Uint8Array | undefined> {
  return mlflow === undefined ? readObject(objects, artifactKey) : loadMlflow(readerOf(objects, mlflow))
}
