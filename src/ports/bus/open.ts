// Chooses the bus by URL: `nats://…` for NATS JetStream, none for a bus inside this process. NATS is loaded when it is used.
import type { BackoffOptions } from '../../core/backoff.ts'
import type { Log } from '../../core/log.ts'
import { openInProcessBus } from './in-process.ts'
import type { Bus } from './index.ts'

export interface StreamLimits {
  /** Default `ML_EVENTS`. */
  readonly name?: string
  /** Default seven days. */
  readonly maxAgeSeconds?: number
  /** Default 512 MiB; the server sets this much aside. The oldest messages go first. */
  readonly maxBytes?: number
  /** Copies in a NATS cluster; default 1. */
  readonly replicas?: number
}

export interface BusOptions {
  readonly log: Log
  /** `nats://user:password@host:port`, `tls://…`, `ws://…`, `wss://…`; several joined by commas. Undefined: in-process. */
  readonly url?: string | undefined
  /** Name of the connection, shown by the server. */
  readonly name?: string
  /** First words of every stored subject; default `ml.events`. */
  readonly prefix?: string
  readonly stream?: StreamLimits
  /** Pause before a message whose handler failed comes again; default 0.5 s, growing to 60 s. */
  readonly redelivery?: BackoffOptions
  /** NATS: how long after its process is gone a message in the hands of a handler comes again; default 30 s. */
  readonly ackWaitMs?: number
}

/** Returns at once, whether or not the server is there. @throws `invalid` for a URL that cannot be read. */
export async function openBus(options: BusOptions): Promise<Bus> {
  if (options.url === undefined) return openInProcessBus(options)
  const { openNatsBus } = await import('./nats.ts')
  return openNatsBus({ ...options, url: options.url })
}
