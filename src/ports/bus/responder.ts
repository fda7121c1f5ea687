// Requests over NATS, answered by one of several replicas (queue group), as a service of the `micro` protocol (ADR-32): other
// tools find it under `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS`. Subscribed anew on every connection.
import { headers, Match, type Msg, type NatsConnection } from '@nats-io/transport-node'
import { systemClock } from '../../core/clock.ts'
import { newId } from '../../core/ids.ts'
import type { Log } from '../../core/log.ts'
import { READ_SUBJECT } from '../../core/reply-object.ts'
import type { BusReply, Endpoint, Responder, RespondingService } from '../../core/responder.ts'
import { openNatsLink } from './nats-link.ts'
import { keepReply, type ReplyLimits, removeReply } from './nats-replies.ts'
import { MAX_MESSAGE_BYTES } from './rules.ts'

export interface ResponderOptions {
  readonly url: string
  readonly name: string
  readonly log: Log
  /** Of replies that are larger than a message. */
  readonly replies: ReplyLimits
}

const CLOSE_LIMIT_MS = 10_000

interface Counted {
  requests: number
  errors: number
  lastError: string
  /** Nanoseconds, as the protocol counts. */
  time: number
}

export function openResponder(service: RespondingService, options: ResponderOptions): Responder {
  const { log } = options
  const link = openNatsLink({ url: options.url, name: options.name, log })
  const id = newId('evt').slice(4)
  const started = systemClock.now().toISOString()
  const counts = new Map(service.endpoints.map(({ name }): [string, Counted] => [name, noCounts()]))
  const inHand = new Set<Promise<void>>()
  let closing = false

  async function respond(connection: NatsConnection, endpoint: Endpoint, message: Msg): Promise<void> {
    const begun = systemClock.elapsedMs()
    const reply = await endpoint.answer({
      data: message.data,
      header: (name) => message.headers?.get(name, Match.IgnoreCase) || undefined,
      maxReplyBytes: mostBytes(connection),
      keep: (reply) => keepReply(connection, reply, { ...options.replies, mostBytes: mostBytes(connection) }),
    })
    count(counts.get(endpoint.name)!, reply, systemClock.elapsedMs() - begun)
    const list = headers()
    for (const [name, value] of Object.entries(reply.headers)) list.set(name, value)
    message.respond(reply.data, { headers: list })
  }

  function subscribe(connection: NatsConnection): void {
    if (closing) return
    for (const endpoint of service.endpoints) {
      connection.subscribe(endpoint.subject, {
        queue: service.queue,
        callback(error, message) {
          if (error || !message.reply) return
          const work = respond(connection, endpoint, message)
            .catch((cause: unknown) => log.warn({ err: cause, subject: endpoint.subject }, 'a reply was not sent'))
            .finally(() => inHand.delete(work))
          inHand.add(work)
        },
      })
    }
    connection.subscribe(READ_SUBJECT, {
      queue: service.queue,
      callback(_, message) {
        removeReply(connection, message.string()).catch((cause: unknown) =>
          log.warn({ err: cause }, 'a reply that was read lies until it expires'),
        )
      },
    })
    for (const [verb, document] of Object.entries(documents({ service, id, started, counts }))) {
      for (const subject of [`$SRV.${verb}`, `$SRV.${verb}.${service.name}`, `$SRV.${verb}.${service.name}.${id}`]) {
        connection.subscribe(subject, {
          callback: (_, message) => void message.respond(JSON.stringify(document())),
        })
      }
    }
  }

  link.onConnect(subscribe)
  return {
    async close() {
      closing = true
      const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_LIMIT_MS).unref())
      // Draining ends the subscriptions first, so that requests go to other replicas while ours are answered.
      const connection = link.current
      const drained = (async () => {
        await Promise.all([...inHand])
        await connection?.flush().catch(() => {})
      })()
      await Promise.race([drained, late])
      await link.close()
    },
  }
}

/** Headers count too: what ours need is far below what is left for them. */
function mostBytes({ info }: NatsConnection): number {
  const most = info?.max_payload ?? MAX_MESSAGE_BYTES
  return most - Math.min(4096, most >> 1)
}

function noCounts(): Counted {
  return { requests: 0, errors: 0, lastError: '', time: 0 }
}

function count(counted: Counted, { error }: BusReply, elapsedMs: number): void {
  counted.requests++
  counted.time += Math.round(elapsedMs * 1e6)
  if (error === undefined) return
  counted.errors++
  counted.lastError = error
}

interface Described {
  readonly service: RespondingService
  readonly id: string
  readonly started: string
  readonly counts: ReadonlyMap<string, Counted>
}

/** What the discovery subjects answer. */
function documents({ service, id, started, counts }: Described): Record<string, () => unknown> {
  const { name, version, description, queue, endpoints } = service
  const head = { name, id, version, metadata: {} }
  return {
    PING: () => ({ type: 'io.nats.micro.v1.ping_response', ...head }),
    INFO: () => ({
      type: 'io.nats.micro.v1.info_response',
      ...head,
      description,
      endpoints: endpoints.map(({ name, subject, metadata }) => ({ name, subject, queue_group: queue, metadata })),
    }),
    STATS: () => ({
      type: 'io.nats.micro.v1.stats_response',
      ...head,
      started,
      endpoints: endpoints.map(({ name, subject }) => {
        const { requests, errors, lastError, time } = counts.get(name)!
        return {
          name,
          subject,
          queue_group: queue,
          num_requests: requests,
          num_errors: errors,
          last_error: lastError,
          processing_time: time,
          average_processing_time: requests === 0 ? 0 : Math.round(time / requests),
        }
      }),
    }),
  }
}
