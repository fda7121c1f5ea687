// Rules of the registry: how versions are numbered and where their files lie.
import { createHash } from 'node:crypto'
import type { ModelType, Signature } from '../../contract/models.ts'
import { fail } from '../../core/failure.ts'
import { tenantRoot } from '../../core/tenant-root.ts'

const FIRST_VERSION = '1.0.0'
/** Of the three numbers of a version: all of at most 15 digits are told apart. */
const LARGEST_NUMBER = 1e15 - 1

/** Positive when a is higher. */
export function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (let i = 0; i < 3; i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

export function highestVersion(versions: readonly string[]): string | null {
  return versions.reduce<string | null>((best, v) => (best === null || compareVersions(v, best) > 0 ? v : best), null)
}

/** The first is 1.0.0; each further training raises the minor number of the highest. @throws `conflict` VERSION_EXISTS above the very last. */
export function nextVersion(existing: readonly string[]): string {
  const highest = highestVersion(existing)
  if (highest === null) return FIRST_VERSION
  const [major = 1, minor = 0] = highest.split('.').map(Number)
  if (minor < LARGEST_NUMBER) return `${major}.${minor + 1}.0`
  if (major < LARGEST_NUMBER) return `${major + 1}.0.0`
  throw fail('conflict', 'VERSION_EXISTS', `There is no number above version ${highest}: ask for a lower one`)
}

export function modelFolder(tenantId: string, modelId: string): string {
  return `${tenantRoot(tenantId)}models/${modelId}`
}

function versionFolder(tenantId: string, modelId: string, version: string): string {
  return `${modelFolder(tenantId, modelId)}/versions/${version}`
}

export function artifactKey(tenantId: string, modelId: string, version: string): string {
  return `${versionFolder(tenantId, modelId, version)}/model.onnx`
}

export function metadataKey(tenantId: string, modelId: string, version: string): string {
  return `${versionFolder(tenantId, modelId, version)}/metadata.json`
}

export function explanationKey(tenantId: string, modelId: string, version: string): string {
  return `${versionFolder(tenantId, modelId, version)}/explanation.json`
}

export function explainerKey(tenantId: string, modelId: string, version: string): string {
  return `${versionFolder(tenantId, modelId, version)}/explainer.json`
}

export function currentKey(tenantId: string, modelId: string): string {
  return `${modelFolder(tenantId, modelId)}/CURRENT`
}

/** Changes when a column is added, removed, renamed or retyped; the order counts, since rows may be given as arrays. */
export function featureSchemaVersion(signature: Signature): string {
  const columns = signature.inputs.map(({ name, dtype, nullable }) => [name, dtype, nullable])
  return createHash('sha256').update(JSON.stringify(columns)).digest('hex').slice(0, 12)
}

/** Called by tensors, not by rows of named columns: whatever the graph takes and answers is the graph's to say. */
export function takesTensors(type: ModelType): boolean {
  return type === 'custom' || type === 'recommendation'
}
