// The words of the runtime: tensors, models, and the interface behind which ONNX Runtime runs. Nothing outside
// `src/runtime` knows which library executes a graph, so none of its types appear here.
import type { Log } from '../core/log.ts'
import type { Tensor, TensorInfo, Tensors } from '../core/tensors.ts'
import type { RecycleOptions } from './recycler.ts'
import type { Row } from './row.ts'

export type { Tensor, TensorInfo, Tensors, TensorType, TypedArray } from '../core/tensors.ts'

export interface ModelInfo {
  readonly inputs: readonly TensorInfo[]
  /** The outputs that are tensors: the only ones ever fetched. */
  readonly outputs: readonly TensorInfo[]
  /** Names of the others (sequences and maps, such as a ZipMap's), which cannot be fetched. */
  readonly otherOutputs: readonly string[]
  /** Time to build the session, without warm-up. */
  readonly loadMs: number
  /** Size of the model file. */
  readonly bytes: number
  /** The engine that runs it: `cuda` only where the GPU was asked for and is there. */
  readonly provider: 'cpu' | 'cuda'
  /** Whether the first axis of everything is one of rows that do not touch each other; tried when a worker loads it. */
  readonly perRow: boolean
}

export interface ModelSpec {
  /** The sha256 of the bytes. Two loads of one key share one model. */
  readonly key: string
  /** Nobody here made it: it runs in a process of its own, which is limited and can be killed. */
  readonly isolated?: boolean
  /**
   * The whole file, which must not change while the model is held, or (half the memory) where it lies. The caller has already refused models with external data: bytes loaded without
   * a path would read it from the working directory.
   */
  readonly bytes: Uint8Array | { readonly path: string }
  /** Run once on each worker before the model counts as loaded there, so that no caller pays for the first run. */
  readonly warmUp?: Tensors
  /** The graph was made here and has no loops: where it is small and fast, lone calls may run it on the event loop. */
  readonly trusted?: boolean
}

export interface RunOptions {
  /** Which tensor outputs to bring back; all of them when absent. */
  readonly fetches?: readonly string[]
  /**
   * Whether the caller has left: asked now and then while the run waits, which is then dropped; a run that has begun
   * finishes, unseen. A question, because listeners on a signal would cost every run more than its queueing.
   */
  readonly gone?: () => boolean
  /** From the call to the answer, waiting included. Default: `limitMs`. */
  readonly timeoutMs?: number
  /** How long the run may hold its worker before that is given up. Default: the runtime's `runTimeoutMs`. */
  readonly limitMs?: number
  /** Among whom the workers' time is divided fairly; default: all are one. */
  readonly tenant?: string
  /** 1 goes first; default (and 0) is 2. */
  readonly priority?: number
  /** For work in the background: waits for its turn where others would be refused with OVERLOADED. */
  readonly patience?: 'until the deadline'
}

export interface RunResult {
  readonly outputs: Record<string, Tensor>
  /** Time inside ONNX Runtime alone, in milliseconds. */
  readonly runMs: number
}

export interface PooledResult extends RunResult {
  /** Time between the call and a worker taking it in hand. */
  readonly queueMs: number
  /** Rows the engine ran together, of this call and of others. */
  readonly batchRows: number
  /** True for exactly one of the calls that were run together. */
  readonly leads: boolean
}

export interface LoadedModel {
  readonly key: string
  readonly info: ModelInfo
  /**
   * Runs the graph once. The feeds must not be changed until the promise settles. A row must have been made for the inputs of this model.
   *
   * @throws MlError `invalid` MODEL_INPUT_INVALID (feeds that do not fit the inputs, the name in the details),
   *   `invalid` MODEL_RUN_FAILED (the model refused these values), `unavailable` OVERLOADED (queue full, or its wait too long),
   *   INFERENCE_TIMEOUT, RUNTIME_CLOSED, or INFERENCE_ABORTED (the caller left), `internal` INFERENCE_FAILED (the
   *   worker died twice under this run).
   */
  run(feeds: Tensors | Row, options?: RunOptions): Promise<PooledResult>
  /**
   * Milliseconds until the answer of a run of one row that comes now, where it would be refused with OVERLOADED because of those
   * that wait; asked before the trouble of making the run. `undefined` where it would be let in, or nobody knows.
   */
  refusedWaitMs?(tenant: string): number | undefined
  /** Gives this hold back; the last one frees the sessions once their runs are done. Safe to call twice. */
  release(): Promise<void>
}

export interface RuntimeStatus {
  readonly workers: number
  /** Workers with a run or load in hand. */
  readonly busy: number
  /** Runs waiting for a worker. */
  readonly queued: number
  readonly models: readonly ModelStatus[]
  readonly gpuAvailable: boolean
  /** Sum of the loaded models' file sizes times the workers that hold them: a lower bound of what sessions use. */
  readonly memoryBytes: number
  /** Workers replaced since the start, after a crash or an overlong run. */
  readonly replaced: number
  /** Workers that made room for new ones because the process had grown. */
  readonly recycled: number
  /**
   * Threads sent away that have not ended, stuck in native code: each burns a core and cannot be stopped. A normal exit
   * would wait for them for ever, or abort. A process that still has any after `close` must end by SIGKILL.
   */
  readonly abandoned: number
}

export interface ModelStatus {
  readonly key: string
  readonly bytes: number
  readonly holds: number
  /** Workers on which it is loaded. */
  readonly workers: number
}

export interface Runtime {
  /**
   * Loads a model, warms it up, and resolves when the first worker can answer; other workers load it on first use.
   *
   * @throws MlError `invalid` MODEL_NOT_LOADABLE with the engine's reason, `unavailable` RUNTIME_CLOSED, or what the
   *   warm-up run threw.
   */
  load(spec: ModelSpec): Promise<LoadedModel>
  /** As `status` says, which goes through all models. */
  readonly workers: number
  status(): RuntimeStatus
  /** Refuses new work, fails what waits, lets runs in hand finish (2 s), and ends the workers that can be ended. */
  close(): Promise<void>
}

export interface RuntimeOptions {
  /** Threads that run models; derive it from the cores and leave one to the event loop. */
  readonly workers: number
  /** Runs that may wait beyond those in hand; the next one fails with OVERLOADED. */
  readonly maxQueue: number
  /**
   * A run that would wait longer than this, by estimate, fails with OVERLOADED at once; so does one that would miss its
   * deadline. Of a model whose batches take more than an eighth of it, eight batches may wait. Default 500.
   */
  readonly maxWaitMs?: number
  /** Rows of waiting calls that are run together at most; 1 turns batching off. Default 32. */
  readonly batchRows?: number
  /** Try the CUDA provider; without it the models run on the CPU, with one warning. */
  readonly enableGpu: boolean
  readonly log: Log
  /** Replace workers when the process grows; absent: never. */
  readonly recycle?: RecycleOptions
  /** Default 5000. */
  readonly runTimeoutMs?: number
  /** Loading and warming up on one worker. Default 60000. */
  readonly loadTimeoutMs?: number
}
