// What the Open Inference Protocol asks of a server beyond inference itself: metadata, readiness, statistics and the model
// repository. One implementation stands behind the HTTP and the gRPC face.
import type { Call } from './caller.ts'
import type { DataPlane, WantedModel } from './data-plane.ts'
import type { TensorInfo } from './tensors.ts'

export interface ServerMetadata {
  readonly name: string
  readonly version: string
  readonly extensions: readonly string[]
}

export interface ModelMetadata {
  readonly name: string
  /** The versions that can be asked for by number. */
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
}

export interface ModelConfig extends Omit<ModelMetadata, 'versions'> {
  readonly version: string
  /** Rows that may travel in one request; 0 where the first axis is no batch. */
  readonly maxBatchSize: number
}

/** How often, and the time of all of them together. */
export interface Spent {
  readonly count: number
  readonly ns: number
}

/** Of one version on this replica since it started, whatever door its requests came through. */
export interface ModelStatistics {
  readonly name: string
  readonly version: string
  /** Milliseconds since 1970. */
  readonly lastInferenceMs: number
  /** Rows answered. */
  readonly inferenceCount: number
  /** Runs of the engine; less than the requests where they were batched. */
  readonly executionCount: number
  readonly success: Spent
  readonly fail: Spent
  /** Waiting for a worker. */
  readonly queue: Spent
  /** Inside the engine. */
  readonly compute: Spent
  /** Answered from the cache, without a run. */
  readonly cacheHit: Spent
  readonly batches: readonly BatchStatistics[]
  /** Of the model in all workers that hold it; 0 where none does. */
  readonly memoryBytes: number
}

export interface BatchStatistics {
  readonly rows: number
  readonly compute: Spent
}

export type ModelState = 'UNKNOWN' | 'READY' | 'UNAVAILABLE' | 'LOADING' | 'UNLOADING'

export interface RepositoryEntry {
  readonly name: string
  readonly version: string
  readonly state: ModelState
  /** Why it is not ready; '' when it is. */
  readonly reason: string
}

/** Failures as in `DataPlane`; after `unload`, every call for the model but `load` is `unavailable` MODEL_UNLOADED. */
export interface OpenInference extends DataPlane {
  server(): ServerMetadata
  /** Whether predictions can be answered. A process that answers at all is live. */
  ready(): boolean
  /** Id of the model of requests that name none: DEFAULT_MODEL, else the only one that is live. */
  defaultModel(call: Call): Promise<string>
  /** Loads the model where it never was; false where that fails. */
  modelReady(call: Call, wanted: WantedModel): Promise<boolean>
  /** The same for those who send rows, which a model written in code takes too. */
  rowsReady(call: Call, wanted: WantedModel): Promise<boolean>
  metadata(call: Call, wanted: WantedModel): Promise<ModelMetadata>
  config(call: Call, wanted: WantedModel): Promise<ModelConfig>
  /** Of one model or version, or of all that the caller's tenant has called. */
  statistics(call: Call, wanted?: WantedModel): Promise<readonly ModelStatistics[]>
  repositoryIndex(call: Call): Promise<readonly RepositoryEntry[]>
  /** Resolves when the live version is loaded and warm on this replica. */
  load(call: Call, model: string): Promise<void>
  /** The model leaves this replica's memory and these faces until it is loaded again; deployments stay as they are. */
  unload(call: Call, model: string): Promise<void>
}
