// Publishing to JetStream: many messages in flight, in an order that no fault changes. Each names the one that has to lie ahead
// of it in the stream, so after one that was not stored (a leader that changes, a full disk) none is.
import { JetStreamApiError, type JetStreamClient, jetstream, jetstreamManager } from '@nats-io/jetstream'
import { headers, type NatsConnection } from '@nats-io/transport-node'
import { fail, MlError } from '../../core/failure.ts'
import type { BusMessage, Stored } from './index.ts'
import { type NatsLink, unavailable } from './nats-link.ts'
import { ensureStream, type StreamSettings } from './nats-stream.ts'
import { MAX_MESSAGE_BYTES, publishable } from './rules.ts'

const PUBLISH_MS = 5_000
const WRONG_LAST_MESSAGE = 10_070
/** Messages in flight. Few at first and after a fault: a slow server has to acknowledge the last of them in time too. */
const IN_FLIGHT = { first: 64, most: 512 }

export interface NatsPublisherOptions {
  readonly link: NatsLink
  readonly settings: StreamSettings
  readonly prefix: string
}

/** @returns the port's `publishInOrder`. Publishes once the stream is known to be right on the connection. */
export function createPublisher({ link, settings, prefix }: NatsPublisherOptions) {
  const ready = new WeakMap<NatsConnection, Promise<JetStreamClient>>()
  let width = IN_FLIGHT.first

  function prepare(connection: NatsConnection): Promise<JetStreamClient> {
    const known = ready.get(connection)
    if (known) return known
    const client = (async () => {
      const manager = await jetstreamManager(connection, { checkAPI: false, timeout: PUBLISH_MS })
      await ensureStream(manager, settings)
      return jetstream(connection, { timeout: PUBLISH_MS })
    })()
    client.catch(() => ready.delete(connection))
    ready.set(connection, client)
    return client
  }

  async function burst(connection: NatsConnection, messages: readonly BusMessage[]): Promise<Stored> {
    const outcome = await putAll(await prepare(connection), messages)
    if (outcome.count > 0 || !isStreamGone(outcome.error)) return outcome
    // Somebody removed the stream while we were connected.
    ready.delete(connection)
    return await putAll(await prepare(connection), messages)
  }

  async function putOn(connection: NatsConnection, messages: readonly BusMessage[]): Promise<Stored> {
    let count = 0
    while (count < messages.length) {
      const next = messages.slice(count, count + width)
      const stored = await burst(connection, next)
      count += stored.count
      if (stored.count === next.length) width = Math.min(width * 2, IN_FLIGHT.most)
      else width = Math.max(1, Math.min(stored.count, IN_FLIGHT.first))
      // Another publisher came between two of ours: the rest is put behind it.
      const overtaken = stored.count > 0 && isOvertaken(stored.error)
      if (stored.error !== undefined && !overtaken) return { count, error: stored.error }
    }
    return { count, error: undefined }
  }

  return async (messages: readonly BusMessage[]): Promise<Stored> => {
    try {
      const connection = await link.use()
      const most = connection.info?.max_payload ?? MAX_MESSAGE_BYTES
      const { good, refusal } = publishable(messages, prefix, most)
      const { count, error } = await putOn(connection, good)
      return { count, error: error === undefined ? refusal : publishFailure(error, link.shown) }
    } catch (error) {
      return { count: 0, error: publishFailure(error, link.shown) }
    }
  }
}

async function putAll(client: JetStreamClient, messages: readonly BusMessage[]): Promise<Stored> {
  const outcomes = await Promise.allSettled(messages.map((message, i) => put(client, message, messages[i - 1]?.id)))
  const failed = outcomes.findIndex(({ status }) => status === 'rejected')
  if (failed < 0) return { count: messages.length, error: undefined }
  return { count: failed, error: (outcomes[failed] as PromiseRejectedResult).reason }
}

async function put(client: JetStreamClient, message: BusMessage, after: string | undefined): Promise<void> {
  const { subject, id, data, headers: fields } = message
  const list = headers()
  for (const [name, value] of Object.entries(fields ?? {})) list.set(name, value)
  const expect = after === undefined ? {} : { lastMsgID: after }
  await client.publish(subject, data, { msgID: id, headers: list, expect, timeout: PUBLISH_MS })
}

function isOvertaken(error: unknown): boolean {
  return error instanceof JetStreamApiError && error.code === WRONG_LAST_MESSAGE
}

/** Nobody listens on the subject: what the library calls by this name. */
function isStreamGone(error: unknown): boolean {
  return error instanceof Error && error.name === 'JetStreamNotEnabled'
}

function publishFailure(error: unknown, shown: string): MlError {
  if (error instanceof MlError) return error
  if (!(error instanceof JetStreamApiError)) return unavailable(shown, error)
  return fail('unavailable', 'BUS_UNAVAILABLE', `NATS at ${shown} does not take events: ${error.message}`, {
    cause: error,
  })
}
