// Who is asking, and how a face hands a question to the application. Faces know this file and the contract, nothing else.
import type { Permission, Upload } from '../contract/operation.ts'
import type { OperationName, Output } from '../contract/operations/index.ts'
import type { Span } from './trace.ts'

export interface Caller {
  readonly tenantId: string
  readonly requestId: string
  /** Shown in the deployment history and the log: the credential's name, or "anonymous". */
  readonly actor: string
  readonly permissions: ReadonlySet<Permission>
  /** Who the caller asks for: keeps them on one version while traffic is split. */
  readonly stickyKey?: string
}

export interface Call {
  readonly caller: Caller
  /** Fires when the asker goes away or the service stops. */
  readonly signal: AbortSignal
  /** Whether the asker has gone away: dearer to be told of than to ask now and then. Default: the signal has fired. */
  gone?(): boolean
  /** The face's, for the request; absent where no traces are kept. */
  readonly span?: Span | undefined
  readonly idempotencyKey?: string
  readonly upload?: Upload
}

/** Checks `input` against the operation's schema, the caller's permission and the idempotency key, then runs the verb. */
export type Dispatch = <N extends OperationName>(name: N, input: unknown, call: Call) => Promise<Output<N>>
