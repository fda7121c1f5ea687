// What the pool and a worker say to each other. The common case is a bare number: tensors lie in two shared areas, one
// for each direction, and a worker has one run at a time, so a number is all that must cross.
import type { MessagePort } from 'node:worker_threads'
import type { FailureMessage } from './engine-failure.ts'
import type { Area } from './packet.ts'
import type { SessionSource } from './session.ts'
import type { ModelInfo, Tensor, Tensors } from './types.ts'

/** Size of each shared area. */
export const AREA_BYTES = 256 * 1024

/** Larger packets get an area that stays for the next ones, up to this size; beyond it, one of their own. */
export const KEPT_AREA_BYTES = 16 * 1024 * 1024

/** The request or the answer lies in the shared area. */
export const IN_AREA = 1

/** The request lies in the area that was sent last. */
export const IN_LAST_AREA = 2

/** End when the run in hand, if any, is done. */
export const END = 0

export interface WorkerSetup {
  readonly request: SharedArrayBuffer
  readonly answer: SharedArrayBuffer
  readonly gpu: 'try' | 'off'
}

export interface ThreadSetup extends WorkerSetup {
  /** What the thread says goes here, where the other side can also look for it in between. */
  readonly port: MessagePort
}

export interface LoadOrder {
  readonly op: 'load'
  readonly model: number
  /** Bytes are the worker's own: the engine refuses shared memory, so each load is sent a copy. */
  readonly source: SessionSource
  readonly warmUp?: Tensors
  /** Find out whether its rows can be run together. */
  readonly probe: boolean
}

export interface UnloadOrder {
  readonly op: 'unload'
  readonly model: number
}

/** A shared buffer is a run whose packet lies in it. */
export type ToWorker = typeof IN_AREA | typeof IN_LAST_AREA | typeof END | SharedArrayBuffer | LoadOrder | UnloadOrder

export type FromWorker =
  | typeof IN_AREA
  | { readonly op: 'ready'; readonly gpu: boolean; readonly gpuError: string | null }
  | { readonly op: 'loaded'; readonly info: ModelInfo }
  | { readonly op: 'answer'; readonly outputs: readonly Tensor[]; readonly runMs: number; readonly busyMs: number }
  | { readonly op: 'failed'; readonly failure: FailureMessage }

/** Words before the tensors' headers in a request: the model, the number of fetches, and the fetches. */
export function requestWords(fetches: readonly number[]): number {
  return 2 + fetches.length
}

export function writeRequest(area: Area, model: number, fetches: readonly number[]): void {
  area.ints[0] = model
  area.ints[1] = fetches.length
  for (let i = 0; i < fetches.length; i++) area.ints[2 + i] = fetches[i]!
}

export function readRequest({ ints }: Area): { readonly model: number; readonly fetches: readonly number[] } {
  const fetches: number[] = []
  for (let i = 0; i < ints[1]!; i++) fetches.push(ints[2 + i]!)
  return { model: ints[0]!, fetches }
}

/** Words before the tensors' headers in an answer: the run's time and its processor time, as doubles. */
export const ANSWER_WORDS = 4
