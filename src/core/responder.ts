// Answering requests that come over a bus: what the faces give, and what a bus has to offer for it.
import type { ReplyReference } from './reply-object.ts'

export interface BusRequest {
  readonly data: Uint8Array
  header(name: string): string | undefined
  /** The largest reply the bus takes. */
  readonly maxReplyBytes: number
  /** Keeps a larger one for its reader. @throws `too_large` or `unavailable` where that cannot be done. */
  keep(reply: KeptReply): Promise<ReplyReference>
}

export interface KeptReply {
  readonly tenantId: string
  readonly contentType: string
  readonly content: AsyncIterable<Uint8Array>
  readonly signal: AbortSignal
}

export interface BusReply {
  readonly data: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  /** Counted as an error, with these words. */
  readonly error?: string
}

export interface Endpoint {
  /** Letters, digits, `-` and `_`. */
  readonly name: string
  readonly subject: string
  readonly metadata: Readonly<Record<string, string>>
  /** Never rejects: a failure is a reply too. */
  answer(request: BusRequest): Promise<BusReply>
}

export interface RespondingService {
  readonly name: string
  /** Semver. */
  readonly version: string
  readonly description: string
  /** Replicas that share this name share the requests. */
  readonly queue: string
  readonly endpoints: readonly Endpoint[]
}

export interface Responder {
  /** Takes no more requests, and waits for those in hand. */
  close(): Promise<void>
}
