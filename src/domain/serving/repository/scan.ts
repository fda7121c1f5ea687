// What lies in a folder or bucket of models (API.md §12): every version with a file, and what CURRENT names. Versions do not
// change once written, so their metadata is read once.

import { setImmediate } from 'node:timers/promises'
import type { ModelType, Signature, VersionMetadata } from '../../../contract/models.ts'
import { DEFAULT_TENANT } from '../../../contract/schema.ts'
import type { Log } from '../../../core/log.ts'
import { tenantOf } from '../../../core/tenant-root.ts'
import type { ObjectEntry, Objects } from '../../../ports/objects/index.ts'
import { describeMlflow, MLFLOW_DESCRIPTOR } from '../../models/index.ts'
import { readerOf } from '../read-object.ts'
import { UNKNOWN_SHA256, type VersionRecord } from '../served-version.ts'

export interface ModelFolder {
  readonly tenantId: string
  readonly modelId: string
  /** As the newest metadata says; the folder's own name where none does. */
  readonly modelName: string
  /** What CURRENT names, where a file of it is there and can be read. */
  readonly current: string | undefined
  /** What CURRENT names, whether it is there or not; undefined where there is no CURRENT. */
  readonly wanted: string | undefined
  readonly versions: ReadonlyMap<string, VersionRecord>
}

/** What earlier scans have read, and does not have to be read again. */
export class Known {
  /** By `artifactKey` and the sizes of its files: who looks while one is being copied sees a part of it. */
  readonly versions = new Map<string, VersionRecord>()
  /** What CURRENT said when it had this etag, by its key. */
  readonly pointers = new Map<string, { readonly etag: string; readonly version: string }>()
  /** As they were read last, by tenant and id. */
  folders: ReadonlyMap<string, ModelFolder> = new Map()
}

const KEY =
  /^(?:tenants\/([^/]+)\/)?models\/([^/]+)\/(?:(CURRENT)|(?:versions\/([^/]+)\/)?(model\.onnx|metadata\.json|MLmodel))$/
/** Of a folder of MLflow that lies where others have their versions, or is the whole repository. */
const ONLY_VERSION = '1.0.0'
/** Id of a model that is the whole repository, and its name where MLflow knows no better. */
const WHOLE = 'model'
const MOST_POINTER_BYTES = 1 << 10
/** A signature of thousands of columns names the classes of each. */
const MOST_METADATA_BYTES = 1 << 26

interface Files {
  model?: ObjectEntry
  metadata?: ObjectEntry
  mlflow?: ObjectEntry
}

interface Found {
  readonly tenantId: string
  readonly modelId: string
  current?: ObjectEntry
  /** By version; '' for what lies beside them. */
  readonly files: Map<string, Files>
}

interface Store {
  readonly objects: Objects
  readonly log: Log
}

/** Where nothing has to be read, so many folders are gone through before others have their turn. */
const AT_A_TIME = 100

/** A model that cannot be read is as it was: a store that fails for a moment takes no model away. */
export async function scanModels(store: Store, known: Known): Promise<ModelFolder[]> {
  const folders = new Map<string, ModelFolder>()
  let count = 0
  for (const found of (await listModels(store.objects)).values()) {
    if (++count % AT_A_TIME === 0) await setImmediate()
    const key = `${found.tenantId}/${found.modelId}`
    let folder: ModelFolder | undefined
    try {
      folder = await readFolder(store, found, known)
    } catch (error) {
      folder = known.folders.get(key)
      store.log.warn(
        { err: error, model: found.modelId },
        'a model folder cannot be read; it is as it was until it can',
      )
    }
    if (folder) folders.set(key, folder)
  }
  known.folders = folders
  return [...folders.values()]
}

async function listModels(objects: Objects): Promise<Map<string, Found>> {
  const models = new Map<string, Found>()
  for (const prefix of ['models/', 'tenants/']) {
    for await (const entry of objects.list(prefix)) {
      const { key } = entry
      const match = KEY.exec(key)
      if (!match) continue
      const [, folder, modelId = '', current, version = '', file] = match
      const tenantId = folder === undefined ? DEFAULT_TENANT : tenantOf(folder)
      const name = `${tenantId}/${modelId}`
      const found: Found = models.get(name) ?? { tenantId, modelId, files: new Map() }
      models.set(name, found)
      if (current) found.current = entry
      else {
        const files = found.files.get(version) ?? {}
        if (file === 'model.onnx') files.model = entry
        else if (file === 'MLmodel') files.mlflow = entry
        else files.metadata = entry
        found.files.set(version, files)
      }
    }
  }
  const whole = await objects.stat(MLFLOW_DESCRIPTOR)
  if (whole) {
    const mlflow = { key: MLFLOW_DESCRIPTOR, size: whole.size, etag: undefined }
    models.set('', { tenantId: DEFAULT_TENANT, modelId: WHOLE, files: new Map([['', { mlflow }]]) })
  }
  return models
}

async function readFolder({ objects, log }: Store, found: Found, known: Known): Promise<ModelFolder> {
  const versions = new Map<string, VersionRecord>()
  const { tenantId, modelId } = found
  const failures: unknown[] = []
  for (const [folder, files] of found.files) {
    if (folder === '' && !files.mlflow) continue
    const version = folder === '' ? ONLY_VERSION : folder
    const place = { tenantId, modelId, version }
    try {
      const record = await recordOf(objects, { place, files, known })
      if (record) versions.set(version, record)
    } catch (error) {
      // Perhaps it is only being copied; the others have nothing to do with it.
      log.warn({ err: error, model: modelId, version }, 'a version cannot be read; it is left out until it can')
      failures.push(error)
    }
  }
  if (versions.size === 0 && failures.length > 0) throw failures[0]
  const pointer = found.current && (await pointerOf(objects, found.current, known))
  // What lies there without a version is meant to be served.
  const wanted = pointer ?? (found.files.get('')?.mlflow && ONLY_VERSION)
  const current = wanted !== undefined && versions.has(wanted) ? wanted : undefined
  const named = current === undefined ? [...versions.values()].at(-1) : versions.get(current)
  return { tenantId, modelId, modelName: named?.modelName ?? modelId, current, wanted, versions }
}

async function pointerOf(objects: Objects, { key, etag }: ObjectEntry, { pointers }: Known): Promise<string> {
  const before = pointers.get(key)
  if (before !== undefined && before.etag === etag) return before.version
  const version = (await readText(objects, key, MOST_POINTER_BYTES)).trim()
  if (etag === undefined) pointers.delete(key)
  else pointers.set(key, { etag, version })
  return version
}

interface Versioned {
  readonly place: Pick<VersionRecord, 'tenantId' | 'modelId' | 'version'>
  readonly files: Files
  readonly known: Known
}

async function recordOf(objects: Objects, { place, files, known }: Versioned): Promise<VersionRecord | undefined> {
  const { model, metadata, mlflow } = files
  const entry = mlflow ?? model
  if (!entry) return undefined
  const key = [entry.key, entry.size, model?.size, metadata?.size].join(' ')
  const before = known.versions.get(key)
  if (before) return before
  const record = mlflow
    ? await mlflowRecord(objects, place, mlflow.key)
    : plainRecord(
        { ...place, artifactKey: entry.key },
        metadata === undefined ? undefined : await readMetadata(objects, metadata.key),
      )
  known.versions.set(key, record)
  return record
}

async function mlflowRecord(objects: Objects, place: Versioned['place'], key: string): Promise<VersionRecord> {
  const folder = key.slice(0, -MLFLOW_DESCRIPTOR.length)
  const { name, modelType, signature } = await describeMlflow(readerOf(objects, folder))
  const modelName = place.modelId === WHOLE && NAME.test(name) ? name : place.modelId
  return { ...place, ...VOUCHED, modelName, modelType, signature, artifactKey: key, mlflow: folder }
}

/** Whoever points the service at a folder vouches for what lies there. */
const VOUCHED = { sha256: UNKNOWN_SHA256, ownGraph: false, trusted: true, settings: {} } as const
const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

/** Files without metadata are served by tensors: what their columns mean, nobody said. */
function plainRecord(
  place: Pick<VersionRecord, 'tenantId' | 'modelId' | 'version' | 'artifactKey'>,
  metadata: Partial<VersionMetadata> | undefined,
): VersionRecord {
  const signature = metadata?.signature
  return {
    ...place,
    ...VOUCHED,
    modelName: metadata?.model_name ?? place.modelId,
    modelType: metadata?.model_type ?? typeOf(signature),
    signature: signature ?? { inputs: [], outputs: [] },
  }
}

function typeOf(signature: Signature | undefined): ModelType {
  if (!signature) return 'custom'
  return signature.outputs[0]?.dtype === 'number' ? 'regression' : 'classification'
}

async function readMetadata(objects: Objects, key: string): Promise<Partial<VersionMetadata>> {
  return JSON.parse(await readText(objects, key, MOST_METADATA_BYTES)) as Partial<VersionMetadata>
}

async function readText(objects: Objects, key: string, mostBytes: number): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of await objects.get(key, { start: 0, end: mostBytes - 1 })) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks).toString('utf8')
}
