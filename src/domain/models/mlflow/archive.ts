// A folder of MLflow that was sent as an archive.
import { readFile } from 'node:fs/promises'
import { fail } from '../../../core/failure.ts'
import type { Unpacked } from '../archives/index.ts'
import { DESCRIPTOR, type MlflowModel, readMlflow } from './read.ts'

/** The model of an archive: the folder may be packed with its name around it, or with other things beside it. */
export async function readMlflowArchive(files: Unpacked): Promise<MlflowModel> {
  const roots = [...files.keys()].filter((name) => name === DESCRIPTOR || name.endsWith(`/${DESCRIPTOR}`))
  const depth = Math.min(...roots.map((name) => name.split('/').length))
  const [found, other] = roots.filter((name) => name.split('/').length === depth)
  if (found === undefined) {
    throw fail(
      'invalid',
      'ARCHIVE_WITHOUT_MODEL',
      `The archive has no file ${DESCRIPTOR}: send the folder that mlflow.onnx.save_model wrote, or the ONNX file itself`,
    )
  }
  if (other !== undefined)
    throw fail('invalid', 'ARCHIVE_WITHOUT_MODEL', `The archive holds several models: ${found}, ${other}`)
  const root = found.slice(0, -DESCRIPTOR.length)
  return readMlflow(async (name) => {
    const path = files.get(root + name)
    return path === undefined ? undefined : readFile(path)
  })
}
