// The file of an import before anything runs it: copied to disk, read as a protobuf, refused where it could reach outside itself,
// and rid of what cannot be served.
import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Upload } from '../../../contract/operation.ts'
import { fail } from '../../../core/failure.ts'
import { inspectModel } from '../../../ml/onnx/inspect.ts'
import { withPortableLocale } from '../../../ml/onnx/locale.ts'
import { bypassZipMaps } from '../../../ml/onnx/zipmap.ts'

/** More classes than anybody has names for. */
const MOST_LABELS = 10_000
/** The limit of a protobuf message, which an ONNX file without external data is. */
const MAX_FILE_BYTES = 2 ** 31

export interface SpooledFile {
  readonly bytes: number
  readonly sha256: string
}

export interface ServableFile extends SpooledFile {
  /** Class names that the file itself holds. */
  readonly labels: readonly string[] | undefined
  /** What was changed in it, in words for the lineage. */
  readonly changes: readonly string[]
}

/** @throws `too_large` MODEL_TOO_LARGE */
export async function spool(upload: Upload, path: string): Promise<SpooledFile> {
  const hash = createHash('sha256')
  let bytes = 0
  const measure = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      bytes += chunk.length
      hash.update(chunk)
      if (bytes <= MAX_FILE_BYTES) done(null, chunk)
      else done(fail('too_large', 'MODEL_TOO_LARGE', 'A model file must be smaller than 2 GiB'))
    },
  })
  await pipeline(upload.stream, measure, createWriteStream(path))
  return { bytes, sha256: hash.digest('hex') }
}

/** @throws `malformed` or `invalid` for what is no model, or reaches outside its file. */
export async function makeServable(path: string, spooled: SpooledFile): Promise<ServableFile> {
  const { bytes, labels, changes } = servable(await readFile(path))
  if (changes.length === 0) return { ...spooled, labels, changes }
  await writeFile(path, bytes)
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex'), labels, changes }
}

export interface Servable extends Pick<ServableFile, 'labels' | 'changes'> {
  readonly bytes: Uint8Array
}

/** The same model as the engine can run it and its answers can be fetched. @throws as `makeServable`. */
export function servable(given: Uint8Array): Servable {
  requireSelfContained(given)
  let bytes = given
  const changes: string[] = []
  const bypassed = bypassZipMaps(bytes)
  if (bypassed) {
    bytes = bypassed.bytes
    changes.push('ZipMap taken out: probabilities are a tensor')
  }
  const portable = withPortableLocale(bytes)
  if (portable) {
    bytes = portable
    changes.push('StringNormalizer: locale C.UTF-8 instead of en_US')
  }
  const count = bypassed?.labels.length ?? 0
  const labels = count > 0 && count <= MOST_LABELS ? bypassed?.labels : undefined
  return { bytes, labels, changes }
}

/** @throws `invalid` MODEL_EXTERNAL_DATA: weights kept in other files would be read from wherever the service runs. */
export function requireSelfContained(bytes: Uint8Array): void {
  if (!inspectModel(bytes).externalData) return
  throw fail(
    'invalid',
    'MODEL_EXTERNAL_DATA',
    'The model keeps weights in other files; save it as one file (onnx.save with save_as_external_data=False)',
  )
}
