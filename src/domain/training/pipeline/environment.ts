// What a version was made with, for its lineage.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { TrainingOutcome } from './spec.ts'

const versionIn = (manifest: string | URL): string =>
  (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version

/** From this package's manifest, four folders up from here both in the sources and in `dist`. */
export const modelyardVersion = versionIn(new URL('../../../../package.json', import.meta.url))

export function environment(): TrainingOutcome['environment'] {
  return {
    node: process.versions.node,
    onnxruntime: versionIn(createRequire(import.meta.url).resolve('onnxruntime-node/package.json')),
    platform: `${process.platform}-${process.arch}`,
    modelyard: modelyardVersion,
  }
}
