// Replies that flow: server-sent events and downloads.
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { ErrorResponse } from '../src/contract/errors.ts'
import type { StreamedEvent } from '../src/contract/operation.ts'
import { compileCheck } from '../src/core/check.ts'
import { fail } from '../src/core/failure.ts'
import { startDouble } from './http-double.ts'

const events = '/api/v1/ml/training-jobs/job_1/events'
const artifact = '/api/v1/ml/models/m/versions/1.0.0/artifact'

async function* given(...list: StreamedEvent[]): AsyncGenerator<StreamedEvent> {
  yield* list
}

async function* halting(chunks: readonly (string | Error)[]): AsyncGenerator<Buffer> {
  for (const chunk of chunks) {
    if (chunk instanceof Error) throw chunk
    yield Buffer.from(chunk)
    await new Promise((resolve) => setTimeout(resolve, 20)) // so that the first part is on its way
  }
}

/** A promise with its handle outside. */
function signpost<T = void>() {
  return Promise.withResolvers<T>()
}

async function open(url: string): Promise<IncomingMessage> {
  const [reply] = (await once(get(url), 'response')) as [IncomingMessage]
  return reply
}

describe('events', () => {
  it('are framed one by one and end with the source', async () => {
    await using service = await startDouble(() =>
      given({ id: '1', event: 'progress', data: { text: 'a\nb' } }, { event: 'succe\neded', data: null }),
    )
    const reply = await service.app.inject({ url: events, headers: { 'x-request-id': 'r1' } })
    expect(reply.body).toBe('id: 1\nevent: progress\ndata: {"text":"a\\nb"}\n\nevent: succe eded\ndata: null\n\n')
    expect(reply.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-accel-buffering': 'no',
      'x-request-id': 'r1',
    })
  })

  it('that cannot begin are an ordinary error', async () => {
    await using service = await startDouble(() => Promise.reject(fail('not_found', 'JOB_NOT_FOUND', 'No job')))
    const reply = await service.app.inject(events)
    expect([reply.statusCode, reply.json().error_code]).toEqual([404, 'JOB_NOT_FOUND'])
  })

  it('that break off end with the event "error"', async () => {
    await using service = await startDouble(async function* () {
      yield { event: 'progress', data: 1 }
      throw new Error('secret inside')
    })
    const { body } = await service.app.inject(events)
    const last = body.trim().split('\n\n').at(-1)!
    expect(last).toMatch(/^event: error\n/)
    expect(compileCheck(ErrorResponse)(JSON.parse(last.slice(last.indexOf('{'))))).toEqual([])
    expect(body).not.toContain('secret')
    expect(service.errors[0]?.message).toBe('secret inside')
  })

  it('are kept alive by comments', async () => {
    const over = signpost()
    await using service = await startDouble(
      async function* () {
        await over.promise
        yield { event: 'succeeded', data: {} }
      },
      { heartbeatMs: 5 },
    )
    const reply = await open((await service.listen()) + events)
    const [first] = await once(reply.setEncoding('utf8'), 'data')
    expect(first).toMatch(/^: still here\n\n/)
    over.resolve()
    await once(reply.resume(), 'end')
  })

  it('stop their source when the reader leaves, even one that waits', async () => {
    const ended = signpost()
    const waiting = signpost<never>()
    await using service = await startDouble(() => ({
      [Symbol.asyncIterator]: () => ({
        next: () => waiting.promise,
        return: async () => {
          ended.resolve()
          return { done: true, value: undefined }
        },
      }),
    }))
    const reply = await open((await service.listen()) + events)
    reply.destroy()
    await ended.promise
  })

  it('are not begun for a reader who left while they were asked for', async () => {
    const [here, ended, closed] = [signpost(), signpost(), signpost()]
    const waiting = signpost<never>()
    await using service = await startDouble(async ({ call }) => {
      here.resolve()
      call.signal.addEventListener('abort', () => closed.resolve())
      await closed.promise
      return {
        [Symbol.asyncIterator]: () => ({
          next: () => waiting.promise,
          return: async () => {
            ended.resolve()
            return { done: true, value: undefined }
          },
        }),
      }
    })
    const request = get((await service.listen()) + events).on('error', () => {})
    await here.promise
    request.destroy()
    await ended.promise
  })

  it('wait for a slow reader instead of piling up', async () => {
    let made = 0
    const size = 64 * 1024
    await using service = await startDouble(async function* () {
      for (; made < 2000; made++) yield { event: 'progress', data: 'x'.repeat(size) }
    })
    const reply = await open((await service.listen()) + events)
    reply.pause()
    let before = -1
    while (before !== made) {
      before = made
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(made).toBeLessThan(1000)
    reply.resume()
    await once(reply, 'end')
    expect(made).toBe(2000)
  })

  it('do not hold up a stop', async () => {
    const service = await startDouble(async function* () {
      yield { event: 'progress', data: 1 }
      await signpost<never>().promise
    })
    const reply = await open((await service.listen()) + events)
    await once(reply, 'data')
    await Promise.all([once(reply, 'end'), service.app.close()])
  })
})

describe('a download', () => {
  it('has name, size and type', async () => {
    await using service = await startDouble(() => ({
      stream: Readable.from([Buffer.from('abc')]),
      filename: 'model.onnx',
      size: 3,
    }))
    const reply = await service.app.inject(artifact)
    expect(reply.body).toBe('abc')
    expect(reply.headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-length': '3',
      'content-disposition': 'attachment; filename="model.onnx"',
    })
    expect(reply.headers['x-request-id']).toBeDefined()
  })

  it('may have a name of any letters, but no header of its own', async () => {
    await using service = await startDouble(() => ({ stream: Readable.from(['x']), filename: 'Modell "ü"\r\nx: y' }))
    expect((await service.app.inject(artifact)).headers['content-disposition']).toBe(
      `attachment; filename="Modell _____x: y"; filename*=UTF-8''Modell%20%22%C3%BC%22%0D%0Ax%3A%20y`,
    )
  })

  it('that fails before its first byte is an ordinary error', async () => {
    const stream = new Readable({ read: () => stream.destroy(new Error('disk gone')) })
    await using service = await startDouble(() => ({ stream, filename: 'x', size: 3 }))
    const reply = await service.app.inject(artifact)
    expect([reply.statusCode, reply.json().error_code]).toEqual([500, 'INTERNAL_ERROR'])
    expect(reply.headers['content-disposition']).toBeUndefined()
  })

  it.each([
    ['that fails on the way', 100, ['abc', new Error('disk gone')]],
    ['that ends before its promised size', 100, ['abc']],
    ['that goes on beyond its promised size', 4, ['abc', 'abc']],
  ] as const)('%s breaks the connection', async (_, size, chunks) => {
    await using service = await startDouble(() => ({ stream: Readable.from(halting(chunks)), filename: 'x', size }))
    const address = await service.listen()
    const whole = fetch(address + artifact).then((reply) => reply.text())
    await expect(whole).rejects.toThrow()
  })

  it('gives its source up when the reader leaves', async () => {
    const stream = new Readable({ read: () => void stream.push(Buffer.alloc(65536)) })
    const closed = once(stream, 'close').catch(() => {})
    await using service = await startDouble(() => ({ stream, filename: 'x' }))
    const reply = await open((await service.listen()) + artifact)
    await once(reply, 'data')
    reply.destroy()
    await closed
    expect(stream.destroyed).toBe(true)
  })
})
