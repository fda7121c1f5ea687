// The bus port: events that are stored and delivered at least once, and notices that only wake whoever listens now.
// In-process for one process, NATS JetStream for many; the same rules for subjects, sizes and repeats in both.

export interface BusMessage {
  /** Words joined by dots, under the bus's prefix (`ml.events.…`). */
  readonly subject: string
  /** The same id within two minutes is stored once. */
  readonly id: string
  readonly data: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export interface DeliveredMessage extends BusMessage {
  readonly headers: Readonly<Record<string, string>>
  /** When the bus accepted it. */
  readonly time: Date
  /** 1 for the first delivery. */
  readonly attempt: number
}

export interface SubscribeOptions {
  /** Subscriptions of one name share its messages and its position, which outlives them. */
  readonly durable?: string
  /** Where a new position begins: with what comes from now on (default), or at a time, as far back as messages are kept. */
  readonly from?: 'new' | Date
  /** Closes the subscription. */
  readonly signal?: AbortSignal
}

export interface Notice {
  readonly subject: string
  readonly data: Uint8Array
}

export interface Subscription {
  /** Resolves when no handler runs any more; not to be awaited by the handler itself. */
  close(): Promise<void>
}

export interface Stored {
  /** How many, from the first on, are stored for certain. */
  readonly count: number
  /** Why not all: a failure of `publish`. */
  readonly error: unknown
}

export interface BusStatus {
  readonly connected: boolean
  /** Without credentials. */
  readonly url: string
  readonly subscriptions: number
}

/**
 * Patterns: `*` stands for one word, `>` at the end for one or more.
 *
 * Failures: `invalid` (`BUS_SUBJECT_INVALID`), `too_large` (`EVENT_TOO_LARGE`), `unavailable` (`BUS_UNAVAILABLE`) when the
 * message may not have been stored and the same id should be published again.
 */
export interface Bus {
  /** Resolves when the message is stored: on disk with NATS, in memory in-process. */
  publish(message: BusMessage): Promise<void>
  /** Stores messages in this order, many on their way at once: none before those ahead of it. Does not reject. */
  publishInOrder(messages: readonly BusMessage[]): Promise<Stored>
  /**
   * Delivers one message after another. One whose handler fails comes again after a growing pause, behind others. While the
   * server is away this resolves too: the subscription begins when the server is there.
   */
  subscribe(
    pattern: string,
    handler: (message: DeliveredMessage) => Promise<void>,
    options?: SubscribeOptions,
  ): Promise<Subscription>
  /** Reaches who listens at this moment; may be lost, and is when the server is away. The subject lies outside the prefix. */
  notify(subject: string, data: Uint8Array): Promise<void>
  onNotify(pattern: string, handler: (notice: Notice) => void | Promise<void>): Promise<Subscription>
  status(): BusStatus
  ping(): Promise<void>
  close(): Promise<void>
}
