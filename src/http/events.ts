// Server-sent events. The reader sets the pace: the next event is asked for only when the last one is on its way, and
// when the reader leaves (or the service stops) the source is told at once.
import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { StreamedEvent } from '../contract/operation.ts'
import { REQUEST_ID_HEADER } from '../core/request-id.ts'
import { toJson } from './json.ts'

export interface EventStreamOptions {
  /** Ends the stream. */
  readonly signal: AbortSignal
  /** A comment is sent every so often, so that proxies do not take a quiet stream for a dead one. */
  readonly heartbeatMs: number
  /** The document of a failure in the middle of the stream, sent as the event `error`. */
  readonly describe: (error: unknown) => unknown
}

export async function sendEvents(
  reply: FastifyReply,
  events: AsyncIterable<StreamedEvent>,
  { signal, heartbeatMs, describe }: EventStreamOptions,
): Promise<void> {
  reply.hijack()
  const { raw } = reply
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    [REQUEST_ID_HEADER]: reply.request.id,
  })
  raw.flushHeaders()
  raw.on('error', () => {}) // A reader that leaves mid-write; the signal tells.
  const heartbeat = setInterval(() => raw.write(': still here\n\n'), heartbeatMs)
  try {
    await forward(raw, events, signal)
  } catch (error) {
    if (!signal.aborted) raw.write(frame({ event: 'error', data: describe(error) }))
  } finally {
    clearInterval(heartbeat)
    raw.end()
  }
}

async function forward(raw: ServerResponse, events: AsyncIterable<StreamedEvent>, signal: AbortSignal): Promise<void> {
  const iterator = events[Symbol.asyncIterator]()
  const gone = new Promise<'gone'>((resolve) => {
    if (signal.aborted) resolve('gone')
    signal.addEventListener('abort', () => resolve('gone'), { once: true })
  })
  for (;;) {
    const next = await Promise.race([iterator.next(), gone])
    if (next === 'gone') {
      // Not awaited: a generator that waits for its next event answers only once that has come.
      iterator.return?.()?.catch(() => {})
      return
    }
    if (next.done) return
    if (!raw.write(frame(next.value))) await Promise.race([once(raw, 'drain', { signal }).catch(() => {}), gone])
  }
}

/** JSON holds no line break, so one `data:` line is always enough. */
function frame({ id, event, data }: StreamedEvent): string {
  const head = id === undefined ? '' : `id: ${oneLine(id)}\n`
  return `${head}event: ${oneLine(event)}\ndata: ${toJson(data)}\n\n`
}

function oneLine(text: string): string {
  return text.replace(/[\r\n\0]+/g, ' ')
}
