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

/** Of a request or an answer that begins at word `at` of an area: where the next one begins; 0 behind the last. */
export function nextOf({ ints }: Area, at: number): number {
  return ints[at]!
}

export interface Request {
  readonly model: number
  readonly fetches: readonly number[]
}

/** Words before the tensors' headers in a request: where the next begins, how far it is (`PROGRESS`), the model, the number of fetches, the fetches. */
export function requestWords(fetches: readonly number[]): number {
  return 4 + fetches.length
}

export function writeRequest(
  { ints }: Area,
  at: number,
  { next, model, fetches }: Request & { readonly next: number },
): void {
  ints[at] = next
  ints[at + 1] = PROGRESS.waits
  ints[at + 2] = model
  ints[at + 3] = fetches.length
  for (let i = 0; i < fetches.length; i++) ints[at + 4 + i] = fetches[i]!
}

export function readRequest({ ints }: Area, at: number): Request {
  const fetches: number[] = []
  for (let i = 0; i < ints[at + 3]!; i++) fetches.push(ints[at + 4 + i]!)
  return { model: ints[at + 2]!, fetches }
}

const PROGRESS = { waits: 0, begun: 1, takenBack: 2 } as const

/** False where it was taken back before. */
export function begin({ ints }: Area, at: number): boolean {
  return Atomics.compareExchange(ints, at + 1, PROGRESS.waits, PROGRESS.begun) === PROGRESS.waits
}

/** Where it was not begun it never will be. */
export function takeBack({ ints }: Area, at: number): void {
  Atomics.compareExchange(ints, at + 1, PROGRESS.waits, PROGRESS.takenBack)
}

export function isBegun({ ints }: Area, at: number): boolean {
  return Atomics.load(ints, at + 1) === PROGRESS.begun
}

/** How one of several runs ended. Of those that did not end well nothing else is said: they are run again by themselves. */
export const OUTCOME = { answered: 0, notAnswered: 1, tooLarge: 2 } as const

export interface AnswerHead {
  readonly outcome: number
  readonly runMs: number
  readonly busyMs: number
}

/** Words before the tensors' headers in an answer: where the next begins, the outcome, the run's time and its processor time as doubles. */
export const ANSWER_WORDS = 6

/** Answers begin at even words. */
export function writeAnswer(
  area: Area,
  at: number,
  { next, outcome, runMs, busyMs }: AnswerHead & { readonly next: number },
): void {
  area.ints[at] = next
  area.ints[at + 1] = outcome
  area.doubles[at / 2 + 1] = runMs
  area.doubles[at / 2 + 2] = busyMs
}

export function readAnswer({ ints, doubles }: Area, at: number): AnswerHead {
  return { outcome: ints[at + 1]!, runMs: doubles[at / 2 + 1]!, busyMs: doubles[at / 2 + 2]! }
}
