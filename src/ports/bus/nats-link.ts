// One connection to NATS, kept up for ever. Each outage ends in a new connection instead of the library's own reconnect: then
// the first start, a restart and a server that lost its store all go the same way, and nothing is queued meanwhile.
import { connect, type NatsConnection, wsconnect } from '@nats-io/transport-node'
import { backoffMs, pause } from '../../core/backoff.ts'
import { fail, type MlError } from '../../core/failure.ts'
import type { Log } from '../../core/log.ts'
import { readNatsUrl } from '../../core/nats-address.ts'

const DIAL_MS = 5_000
const RETRY = { initialMs: 100, maxMs: 5_000 }
/** A server that says nothing for two of these is taken for dead. */
const PING_EVERY_MS = 5_000
const PING_LIMIT_MS = 2_000

export interface NatsLink {
  readonly shown: string
  readonly current: NatsConnection | undefined
  /** The connection, or `unavailable`. Waits only for the very first attempt to end. */
  use(): Promise<NatsConnection>
  /** Waits until there is a connection; rejects when the signal fires. */
  wait(signal: AbortSignal): Promise<NatsConnection>
  /** Called with every new connection. */
  onConnect(listener: (connection: NatsConnection) => void): () => void
  ping(): Promise<void>
  close(): Promise<void>
}

export interface NatsLinkOptions {
  readonly url: string
  readonly name: string
  readonly log: Log
}

export function openNatsLink({ url, name, log }: NatsLinkOptions): NatsLink {
  const address = readNatsUrl(url, 'NATS_URL')
  const closing = new AbortController()
  const listeners = new Set<(connection: NatsConnection) => void>()
  const attempted = Promise.withResolvers<void>()
  let connected = Promise.withResolvers<NatsConnection>()
  let current: NatsConnection | undefined

  const dial = () =>
    (address.webSocket ? wsconnect : connect)({
      ...address.options,
      name,
      reconnect: false,
      timeout: DIAL_MS,
      pingInterval: PING_EVERY_MS,
      maxPingOut: 2,
      noAsyncTraces: true,
    })

  async function hold(connection: NatsConnection): Promise<unknown> {
    current = connection
    connected.resolve(connection)
    attempted.resolve()
    for (const listener of listeners) {
      try {
        listener(connection)
      } catch (error) {
        // A connection may be closed already; the next one is told of again.
        log.warn({ err: error, url: address.shown }, 'a new connection to NATS could not be used')
      }
    }
    const reason = await connection.closed()
    current = undefined
    connected = Promise.withResolvers()
    return reason ?? 'the server closed the connection'
  }

  async function run(): Promise<void> {
    let failures = 0
    while (!closing.signal.aborted) {
      const connection = await dial().catch((error: unknown) => String(error))
      let problem: unknown = connection
      if (typeof connection !== 'string') {
        if (closing.signal.aborted) return await connection.close()
        log.info({ url: address.shown }, failures === 0 ? 'connected to NATS' : 'connected to NATS again')
        failures = 0
        problem = await hold(connection)
      }
      attempted.resolve()
      if (closing.signal.aborted) return
      if (failures === 0) log.warn({ url: address.shown, problem: String(problem) }, 'NATS is away; trying again')
      await pause(backoffMs(failures++, RETRY), closing.signal)
    }
  }

  const running = run()

  const link: NatsLink = {
    shown: address.shown,
    get current() {
      return current
    },
    async use() {
      await attempted.promise
      if (!current || closing.signal.aborted) throw unavailable(address.shown)
      return current
    },
    async wait(signal) {
      const { promise: aborted, reject } = Promise.withResolvers<never>()
      const onAbort = () => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      try {
        signal.throwIfAborted()
        return current ?? (await Promise.race([connected.promise, aborted]))
      } finally {
        signal.removeEventListener('abort', onAbort)
      }
    },
    onConnect(listener) {
      listeners.add(listener)
      if (current) listener(current)
      return () => listeners.delete(listener)
    },
    async ping() {
      const connection = await link.use()
      const answered = await Promise.race([connection.rtt().catch(() => undefined), pause(PING_LIMIT_MS)])
      if (answered === undefined) throw unavailable(address.shown)
    },
    async close() {
      closing.abort(unavailable(address.shown))
      await current?.close()
      await running
    },
  }
  return link
}

export function unavailable(shown: string, cause?: unknown): MlError {
  return fail('unavailable', 'BUS_UNAVAILABLE', `NATS at ${shown} does not answer`, { cause, retryAfterSeconds: 5 })
}
