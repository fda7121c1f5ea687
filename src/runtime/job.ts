// What the pool knows of a model and of a piece of work. A model appears here without its sessions: those are the
// workers', and the seats know which of them they hold. What a worker runs is a batch, be it of one.
import type { MlError } from '../core/failure.ts'
import type { Drain } from './drain.ts'
import type { Feeds } from './row.ts'
import type { SessionSource } from './session.ts'
import type { ModelInfo, PooledResult, Tensor, TensorInfo, Tensors } from './types.ts'

export interface PoolModel {
  /** Its number inside this process: shorter to send than the key, and never used twice. */
  readonly no: number
  readonly key: string
  readonly source: SessionSource
  readonly warmUp: Tensors | undefined
  /** Made by us: it cannot run for ever. */
  readonly trusted: boolean
  readonly pace: Pace
  readonly drain: Drain
  /** When a run last came with a priority of its own, on the monotonic clock. */
  wishedAt: number
  /** Runs accepted and not yet off their worker. */
  pending: number
  /** Loads wanted or in hand. */
  loading: number
  /** Threads given up in a run of this model and still burning. */
  stuck: number
  /** No more runs will come: unload it when the last one is done. */
  retired: boolean
  /** Whether rows of several requests may run together; undefined until the first load has tried. */
  perRow: boolean | undefined
  /** Its answers are too large to be handed back with those of others. */
  bulky: boolean
}

/** Milliseconds, each a running median (of the first runs the shortest); 0 while unknown. */
export interface Pace {
  /** Runs so far. */
  runs: number
  /** A run. */
  runMs: number
  /** A row of a request that ran alone. */
  aloneMs: number
  /** A row of requests that ran together. */
  togetherMs: number
}

export interface RunJob {
  readonly model: PoolModel
  readonly tenant: string
  readonly feeds: Feeds
  readonly fetches: readonly number[]
  /** The outputs that come back, in order. */
  readonly outputs: readonly TensorInfo[]
  /** Rows in its feeds; 0 where there is no such number. */
  readonly rows: number
  /** What it counts in the queue: its rows, or 1. */
  readonly size: number
  /** Requests run together only where these are equal. */
  readonly kin: string
  /** The caller's patience. */
  readonly timeoutMs: number
  /** It waits for as long as its deadline allows, and is never told that there is no room. */
  readonly patient: boolean
  /** How long the run may hold its worker. */
  readonly limitMs: number
  /** 1 goes first. */
  readonly priority: number
  /** On the monotonic clock. */
  readonly submittedAt: number
  readonly deadline: number
  /** Whether the caller has left. */
  readonly gone: (() => boolean) | undefined
  /** Workers that died under it. */
  deaths: number
  /** Not to be run with others: it was in a batch that failed. */
  single: boolean
  settled: boolean
  readonly settle: (outcome: PooledResult | MlError) => void
}

/** Requests that a worker runs as one. */
export interface Batch {
  readonly model: PoolModel
  readonly jobs: readonly [RunJob, ...RunJob[]]
  /** Others of the same line had to stay behind. */
  readonly crowded: boolean
  /** What its tenant was charged for it beforehand, in milliseconds of a worker. */
  readonly chargedMs: number
}

/** Batches, mostly of different models, that a worker is handed in one message, runs one after the other, and answers in one. */
export interface Bundle {
  readonly kind: 'run'
  readonly batches: readonly [Batch, ...Batch[]]
}

export interface Answered {
  readonly tensors: readonly Tensor[]
  readonly runMs: number
  /** Without the time that the worker waited for a processor. */
  readonly busyMs: number
}

/** Of each batch of a bundle, in order: 'again' where it failed among others, 'too large' where its answer is. One failure is said of all. */
export type Outcomes = readonly (Answered | MlError | 'again' | 'too large')[]

/** 0 where there is no answer. */
export function runMsOf(outcome: Outcomes[number]): number {
  return typeof outcome === 'string' || outcome instanceof Error ? 0 : outcome.runMs
}

export interface LoadJob {
  readonly kind: 'load'
  readonly model: PoolModel
  deaths: number
  readonly settle: (outcome: ModelInfo | MlError) => void
}

export type Job = Bundle | LoadJob

export function alone(job: RunJob): Bundle {
  return { kind: 'run', batches: [{ model: job.model, jobs: [job], crowded: false, chargedMs: 0 }] }
}

export function runsOf({ batches }: Bundle): RunJob[] {
  return batches.flatMap(({ jobs }) => jobs)
}
