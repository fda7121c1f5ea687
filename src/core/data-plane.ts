// The way to a model's tensors, for faces that speak tensors instead of rows. Not in the operations table: its values are
// typed arrays, which no JSON Schema describes; the model's own inputs are the check.
import type { Signature } from '../contract/models.ts'
import type { Call, Caller } from './caller.ts'
import type { TensorInfo, Tensors } from './tensors.ts'

export interface WantedModel {
  /** Model id or name. */
  readonly model: string
  readonly version?: string
  /** Default: production. Ignored where `version` is given and not live. */
  readonly environment?: string
}

export interface InferRequest extends WantedModel {
  /** By the name of the graph's input. They must not be changed until the answer is there, and are not looked at after it. */
  readonly inputs: Tensors
  /** Names of the outputs to bring back; all when absent. */
  readonly outputs?: readonly string[]
  /** 1 goes first; default (and 0) is 2. Orders the caller's own waiting requests only. */
  readonly priority?: number
  /** From the call to the answer, waiting included; default: the model's own deadline. */
  readonly timeoutMs?: number
}

export interface InferTimings {
  /** Waiting for a worker. */
  readonly queueMs: number
  /** Inside the engine; of the whole batch where requests were run together. */
  readonly runMs: number
  readonly totalMs: number
  /** Rows that the engine ran together, those of other requests included. */
  readonly batchRows: number
}

/** Which version answers, as callers are told. */
export interface ServedModel {
  readonly modelId: string
  readonly modelName: string
  readonly version: string
  readonly signature: Signature
}

export interface InferReply {
  readonly model: ServedModel
  readonly outputs: Tensors
  readonly timings: InferTimings
}

export interface TensorModel extends ServedModel {
  readonly inputs: readonly TensorInfo[]
  readonly outputs: readonly TensorInfo[]
  /** Whether it is also asked by rows of named columns. */
  readonly takesRows: boolean
}

/** Both need the permission to predict, and fail like a prediction does (MODEL_NOT_FOUND, MODEL_NOT_DEPLOYED, …). */
export interface DataPlane {
  /**
   * Asked before a request is read, as soon as it is known which model it is for: seconds after which to come again, where it would be
   * refused with OVERLOADED whatever it holds (and counted as that); `undefined` where it must be read to know.
   */
  turnAway?(caller: Caller, wanted: WantedModel): number | undefined
  /**
   * @throws MlError `invalid` MODEL_INPUT_INVALID (`details.errors` names every input at fault), MODEL_OUTPUT_UNKNOWN or
   *   MODEL_RUN_FAILED; `unavailable` OVERLOADED, INFERENCE_TIMEOUT and their like, all to be retried.
   */
  infer(call: Call, request: InferRequest): Promise<InferReply>
  /** What the graph takes and gives; loads the model where it is not loaded. */
  describe(call: Call, wanted: WantedModel): Promise<TensorModel>
}
