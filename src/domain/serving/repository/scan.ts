// What lies in a folder or bucket of models (API.md §12): every version with a file, and what CURRENT names. Versions do not
// change once written, so their metadata is read once.

import type { ModelType, Signature, VersionMetadata } from '../../../contract/models.ts'
import { DEFAULT_TENANT } from '../../../contract/schema.ts'
import type { Log } from '../../../core/log.ts'
import type { Objects } from '../../../ports/objects/index.ts'
import { UNKNOWN_SHA256, type VersionRecord } from '../served-version.ts'

export interface ModelFolder {
  readonly tenantId: string
  readonly modelId: string
  /** As the newest metadata says; the folder's own name where none does. */
  readonly modelName: string
  /** What CURRENT names, where a file of it is there. */
  readonly current: string | undefined
  readonly versions: ReadonlyMap<string, VersionRecord>
}

/** By `artifactKey` and size, over all scans. */
export type KnownVersions = Map<string, VersionRecord>

const KEY = /^(?:tenants\/([^/]+)\/)?models\/([^/]+)\/(?:(CURRENT)|versions\/([^/]+)\/(model\.onnx|metadata\.json))$/
const MOST_TEXT_BYTES = 1 << 20

interface Found {
  readonly tenantId: string
  readonly modelId: string
  currentKey?: string
  readonly files: Map<string, { model?: { key: string; size: number }; metadata?: string }>
}

type Store = { readonly objects: Objects; readonly log: Log }

export async function scanModels({ objects, log }: Store, known: KnownVersions): Promise<ModelFolder[]> {
  const folders: ModelFolder[] = []
  for (const found of (await listModels(objects)).values()) {
    try {
      folders.push(await readFolder(objects, found, known))
    } catch (error) {
      log.warn({ err: error, model: found.modelId }, 'a model folder cannot be read; it is left out until it can')
    }
  }
  return folders
}

async function listModels(objects: Objects): Promise<Map<string, Found>> {
  const models = new Map<string, Found>()
  for (const prefix of ['models/', 'tenants/']) {
    for await (const { key, size } of objects.list(prefix)) {
      const match = KEY.exec(key)
      if (!match) continue
      const [, tenantId = DEFAULT_TENANT, modelId = '', current, version = '', file] = match
      const name = `${tenantId}/${modelId}`
      const found: Found = models.get(name) ?? { tenantId, modelId, files: new Map() }
      models.set(name, found)
      if (current) found.currentKey = key
      else {
        const files = found.files.get(version) ?? {}
        if (file === 'model.onnx') files.model = { key, size }
        else files.metadata = key
        found.files.set(version, files)
      }
    }
  }
  return models
}

async function readFolder(objects: Objects, found: Found, known: KnownVersions): Promise<ModelFolder> {
  const versions = new Map<string, VersionRecord>()
  const { tenantId, modelId } = found
  for (const [version, { model, metadata }] of found.files) {
    if (!model) continue
    const place = `${model.key} ${model.size}`
    let record = known.get(place)
    if (!record) {
      const document = metadata === undefined ? undefined : await readMetadata(objects, metadata)
      record = recordOf({ tenantId, modelId, version, artifactKey: model.key }, document)
      known.set(place, record)
    }
    versions.set(version, record)
  }
  const pointer = found.currentKey === undefined ? undefined : (await readText(objects, found.currentKey)).trim()
  const current = pointer !== undefined && versions.has(pointer) ? pointer : undefined
  const named = current === undefined ? [...versions.values()].at(-1) : versions.get(current)
  return { tenantId, modelId, modelName: named?.modelName ?? modelId, current, versions }
}

/** Files without metadata are served by tensors: what their columns mean, nobody said. */
function recordOf(
  place: Pick<VersionRecord, 'tenantId' | 'modelId' | 'version' | 'artifactKey'>,
  metadata: Partial<VersionMetadata> | undefined,
): VersionRecord {
  const signature = metadata?.signature
  return {
    ...place,
    modelName: metadata?.model_name ?? place.modelId,
    modelType: metadata?.model_type ?? typeOf(signature),
    signature: signature ?? { inputs: [], outputs: [] },
    sha256: UNKNOWN_SHA256,
    ownGraph: false,
    // Whoever points the service at a folder vouches for what lies there.
    trusted: true,
    settings: {},
  }
}

function typeOf(signature: Signature | undefined): ModelType {
  if (!signature) return 'custom'
  return signature.outputs[0]?.dtype === 'number' ? 'regression' : 'classification'
}

async function readMetadata(objects: Objects, key: string): Promise<Partial<VersionMetadata>> {
  return JSON.parse(await readText(objects, key)) as Partial<VersionMetadata>
}

async function readText(objects: Objects, key: string): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await objects.get(key, { start: 0, end: MOST_TEXT_BYTES })) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks).toString('utf8')
}
