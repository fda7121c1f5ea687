// What was uploaded, as an ONNX file on disk: the file itself, or the model of a folder that came as an archive.
import { createHash } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { unpackArchive } from '../archives/index.ts'
import { readMlflowArchive } from '../mlflow/archive.ts'
import type { MlflowDescriptor } from '../mlflow/index.ts'
import { makeServable, type ServableFile, type SpooledFile } from './file.ts'

export interface Source {
  readonly path: string
  readonly file: ServableFile
  /** What MLflow says of the model, where it came in a folder of MLflow. */
  readonly mlflow: MlflowDescriptor | undefined
}

/**
 * The file at `path` may be replaced by the model it holds.
 * @throws `malformed`, `invalid` or `too_large` for what is no model, or not a safe one.
 */
export async function openSource(path: string, spooled: SpooledFile): Promise<Source> {
  const unpacked = `${path}.unpacked`
  await mkdir(unpacked)
  const files = await unpackArchive(path, unpacked)
  if (!files) return { path, file: await makeServable(path, spooled), mlflow: undefined }
  const { bytes, descriptor, taken } = await readMlflowArchive(files)
  await rm(unpacked, { recursive: true })
  await writeFile(path, bytes)
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const file = await makeServable(path, { bytes: bytes.length, sha256 })
  const changes = taken.length === 0 ? [] : [`Weights taken in from ${taken.length} file(s) beside the model`]
  return { path, file: { ...file, changes: [...changes, ...file.changes] }, mlflow: descriptor }
}
