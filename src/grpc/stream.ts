// ModelStreamInfer: requests are answered at once and side by side, their replies go out in the order of the requests. A failed
// request is a message of its own; the stream goes on.
import type { ServerDuplexStream } from '@grpc/grpc-js'

/** Requests of one stream that are answered at a time; beyond that nothing more is read from it. */
const AT_A_TIME = 64

export type StreamCall = ServerDuplexStream<Buffer, Buffer>

/** @param answer never rejects. */
export function answerStream(call: StreamCall, answer: (request: Buffer) => Promise<Buffer>): void {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  call.on('data', (request: Buffer) => {
    waiting++
    if (waiting >= AT_A_TIME) call.pause()
    const reply = answer(request)
    last = last
      .then(async () => {
        const bytes = await reply
        if (call.cancelled) return
        if (!call.write(bytes)) await drained(call)
      })
      .finally(() => {
        waiting--
        if (waiting < AT_A_TIME) call.resume()
      })
  })
  call.on('end', () => void last.then(() => call.end()))
  // The asker is gone: what is under way ends by its signal.
  call.on('error', () => {})
}

function drained(call: StreamCall): Promise<void> {
  return new Promise((resolve) => {
    // Neither listener may stay: a long stream waits here thousands of times.
    const end = () => {
      call.off('drain', end)
      call.off('cancelled', end)
      resolve()
    }
    call.on('drain', end)
    call.on('cancelled', end)
  })
}
