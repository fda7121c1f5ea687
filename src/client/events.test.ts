import { expect, it } from 'vitest'
import { readEvents } from './events.ts'

async function read(chunks: readonly string[]) {
  const bytes = ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)))
  const events = []
  for await (const event of readEvents(new Response(bytes as ReadableStream<Uint8Array<ArrayBuffer>>)))
    events.push(event)
  return events
}

const EXPECTED = [
  { id: '1', event: 'a', data: { x: 1 } },
  { event: 'message', data: 2 },
]

it.each(['\n', '\r\n'])('events are the same however they are cut, with %j between lines', async (end) => {
  const text = ['id: 1', 'event: a', 'data: {"x":', 'data: 1}', '', ': alive', '', 'data: 2', '', 'data: 3'].join(end)
  for (let size = 1; size <= text.length; size++) {
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size))
    expect(await read(chunks)).toEqual(EXPECTED)
  }
})

it('an event is given out with its last byte, not with the next event', async () => {
  const never = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\r\n\r\n')),
  })
  const events = readEvents(new Response(never))
  expect(await events.next()).toEqual({ done: false, value: { event: 'message', data: 1 } })
})
