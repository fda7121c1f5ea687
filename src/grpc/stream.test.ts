import { EventEmitter } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { answerStream, type StreamCall } from './stream.ts'

/** A client that reads slowly: every reply fills the buffer on the way to it. */
class SlowCall extends EventEmitter {
  readonly cancelled = false
  readonly written: Buffer[] = []

  write(bytes: Buffer): boolean {
    this.written.push(bytes)
    return false
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
}

it('a stream whose client reads slowly leaves nothing behind from its waits', async () => {
  const call = new SlowCall()
  answerStream(call as unknown as StreamCall, async (request) => request)
  const before = call.listenerCount('cancelled')
  for (let i = 1; i <= 20; i++) {
    call.emit('data', Buffer.of(i))
    while (call.written.length < i || call.listenerCount('drain') === 0) await setImmediate()
    call.emit('drain')
    await setImmediate()
  }
  expect(call.written.map(([value]) => value)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  expect([call.listenerCount('drain'), call.listenerCount('cancelled')]).toEqual([0, before])
})
