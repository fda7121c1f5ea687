// Reads server-sent events (the WHATWG format) from a reply. EventSource is not used: it sends no headers, and it would
// ask again for ever when a stream has simply ended.
import type { StreamedEvent } from '../contract/operation.ts'
import { fail } from '../core/failure.ts'
import { failureInStream } from './reply.ts'

/** The events until the stream ends; leaving the loop closes the connection. Throws what the service reports as `error`. */
export async function* readEvents(response: Response): AsyncGenerator<StreamedEvent> {
  for await (const block of blocksOf(response)) {
    const fields = new Map<string, string>()
    for (const line of block.split('\n')) {
      const colon = line.indexOf(':')
      // A line that begins with a colon is a comment (the heartbeat).
      if (colon <= 0) continue
      const value = line.slice(colon + 1).replace(/^ /, '')
      const name = line.slice(0, colon)
      const before = fields.get(name)
      fields.set(name, name === 'data' && before !== undefined ? `${before}\n${value}` : value)
    }
    const data = fields.get('data')
    if (data === undefined) continue
    const event = fields.get('event') ?? 'message'
    if (event === 'error') throw failureInStream(data)
    const id = fields.get('id')
    yield { ...(id !== undefined && { id }), event, data: JSON.parse(data) as unknown }
  }
}

/** Text between empty lines. What has not ended is kept in pieces: looked through again with each, it would take their square. */
async function* blocksOf(response: Response): AsyncGenerator<string> {
  if (!response.body) return
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let pieces: string[] = []
  let held = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const text = held + decoder.decode(value, { stream: true })
      const whole = text.endsWith('\r') ? text.slice(0, -1) : text
      const blocks = whole.replaceAll('\r\n', '\n').split('\n\n')
      const last = blocks.pop()!
      for (const block of blocks) {
        yield pieces.join('') + block
        pieces = []
      }
      const line = last.endsWith('\n') ? last.slice(0, -1) : last
      pieces.push(line)
      // An end that may be cut in its middle waits for what follows.
      held = last.slice(line.length) + text.slice(whole.length)
    }
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'AbortError') throw cause
    throw fail('unavailable', 'STREAM_BROKEN', 'The connection was lost in the middle of the stream', { cause })
  } finally {
    await reader.cancel().catch(() => {})
  }
}
