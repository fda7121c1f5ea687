// What a verb is handed: the ports, the machinery, and who is asking. A frozen value; nothing holds a connection.
// Inside `inTransaction` the name `ctx` is shadowed by one whose `db` is the transaction, so the outer connection is
// out of reach where using it would be a bug.
import type { OperationName } from '../contract/operations/index.ts'
import type { Caller } from '../core/caller.ts'
import type { Clock } from '../core/clock.ts'
import { asFailure } from '../core/failure.ts'
import type { Log } from '../core/log.ts'
import type { Metrics } from '../core/metrics.ts'
import { inSpan, NO_SPAN, type Span, type Tracer } from '../core/trace.ts'
import type { Queue } from '../jobs/queue.ts'
import type { Bus } from '../ports/bus/index.ts'
import type { Cache } from '../ports/cache/index.ts'
import type { Database, Tx } from '../ports/db/index.ts'
import type { Objects } from '../ports/objects/index.ts'
import type { FeatureSources } from '../ports/sources/index.ts'
import type { Runtime } from '../runtime/index.ts'
import type { Tables } from '../tables/index.ts'

/** What verbs need to know of the configuration. */
export interface Settings {
  readonly serviceName: string
  readonly codeVersion: string
  readonly tempDir: string
  readonly defaultModel: string | undefined
  readonly balancedClassWeight: boolean
  readonly trainingTimeoutMs: number
  readonly trainingMemoryMb: number
  readonly maxUploadBytes: number
  readonly webhookAllowPrivate: boolean
  readonly batchChunkRows: number
  readonly batchLeaseSeconds: number
  readonly batchRetentionMs: number
  readonly predictionRetentionMs: number
  /** For loaded models; the least recently used are let go. */
  readonly modelMemoryBytes: number
  /** 0: answers are not cached. */
  readonly cacheTtlSeconds: number
}

/** The service itself: everything but who is asking. */
export interface Services {
  readonly db: Database
  readonly objects: Objects
  readonly bus: Bus
  readonly cache: Cache
  readonly sources: FeatureSources
  readonly runtime: Runtime
  readonly tables: Tables
  readonly queue: Queue
  readonly clock: Clock
  readonly log: Log
  readonly metrics: Metrics
  readonly tracer: Tracer
  readonly settings: Settings
}

export interface Ctx extends Services {
  readonly caller: Caller
  /** What is being done for the caller right now; NO_SPAN where no traces are kept. */
  readonly span: Span
  readonly signal: AbortSignal
  /** Keeps the reply to a request with an Idempotency-Key; see `inLastTransaction`. */
  readonly settle?: (tx: Tx, operation: OperationName, reply: unknown) => Promise<void>
  /** Whether the asker has gone away; cheaper than the signal, which is made when first read. */
  readonly gone: () => boolean
}

/** A ctx inside a transaction of the caller's tenant. */
export type TxCtx = Omit<Ctx, 'db'> & { readonly db: Tx }

/** Runs `work` in one transaction in which row-level security shows only the caller's tenant. */
export function inTransaction<T>(ctx: Ctx, work: (ctx: TxCtx) => Promise<T>): Promise<T> {
  // A leaf: what is stored or told of inside belongs to the operation.
  return inSpan(ctx, TRANSACTION, () => ctx.db.tenant(ctx.caller.tenantId, (tx) => work({ ...ctx, db: tx })))
}

const TRANSACTION = { name: 'transaction', kind: 'client', attributes: { 'db.system.name': 'postgresql' } } as const

/**
 * The transaction whose result is the reply to `operation`. Under an Idempotency-Key the reply is committed with it, so that a service killed
 * right after it still answers the next request with that key, and does not do the work again.
 */
export function inLastTransaction<T>(ctx: Ctx, operation: OperationName, work: (ctx: TxCtx) => Promise<T>): Promise<T> {
  return inTransaction(ctx, async (ctx) => {
    const reply = await work(ctx)
    await ctx.settle?.(ctx.db, operation, reply)
    return reply
  })
}

/**
 * Whether a transaction that failed so may stand all the same: the answer to its commit is lost with the connection, not the commit. What
 * was stored for it must stay then; what nothing refers to in the end is swept later.
 */
export function mayStand(error: unknown): boolean {
  const { kind } = asFailure(error)
  return kind === 'unavailable' || kind === 'internal'
}

/** A ctx for work the service does by itself in the name of a tenant (a worker running a job). */
export function serviceCtx(services: Services, tenantId: string, signal: AbortSignal, requestId: string): Ctx {
  return {
    ...services,
    caller: { tenantId, requestId, actor: services.settings.serviceName, permissions: new Set() },
    span: NO_SPAN,
    signal,
    gone: () => signal.aborted,
  }
}
