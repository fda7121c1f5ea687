// The typed client against the real HTTP face: what goes in at one end comes out at the other.
import { createReadStream, openAsBlob } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { dirname, join, relative, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import fc from 'fast-check'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { createClient, type Downloaded, type MlClient } from '../src/client.ts'
import type { Model } from '../src/contract/models.ts'
import type { Operation, StreamedEvent } from '../src/contract/operation.ts'
import { type OperationName, operations } from '../src/contract/operations/index.ts'
import { FAILURE_KINDS, fail, MlError } from '../src/core/failure.ts'
import { type Answer, startDouble } from './http-double.ts'

async function start(answer: Answer) {
  const service = await startDouble(answer)
  const client = createClient({ baseUrl: `${await service.listen()}/`, tenantId: 'acme', retries: 0 })
  return { ...service, client, [Symbol.asyncDispose]: () => service.app.close() }
}

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  )

describe('the client', () => {
  it('has a method for every operation, which asks for that operation with the same input', async () => {
    await using service = await start(({ name }) => {
      const { reply }: Operation = operations[name]
      if (reply === 'events') return Readable.from([])
      return reply === 'download' ? { stream: Readable.from(['x']), filename: 'x' } : { ready: true }
    })
    for (const name of Object.keys(operations) as OperationName[]) {
      const { path, body, reply }: Operation = operations[name]
      const input: Record<string, unknown> =
        body === 'row' ? { body: { a: 1 } } : body === 'query' ? {} : { version: '1.0.0' }
      for (const [, parameter] of path.matchAll(/\{(\w+)\}/g)) input[parameter!] = 'ä/b'
      const method = name
        .split('.')
        .reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], service.client) as CallableFunction
      if (reply === 'events') for await (const _ of method(input)) throw new Error('there are no events')
      else await method(body === 'file' ? { ...input, file: 'x' } : input)
      expect(service.asked.at(-1)).toMatchObject({ name, input })
      // Health is the same for everybody.
      expect(service.asked.at(-1)?.call.caller.tenantId).toBe(name === 'health' ? 'default' : 'acme')
    }
  })

  it('sends query fields as text, and leaves out what is undefined', async () => {
    await using service = await start(() => ({ items: [], next_cursor: null }))
    await service.client.training_jobs.list({ limit: 5, status: 'running', model_id: undefined })
    expect(service.asked[0]?.input).toEqual({ limit: 5, status: 'running' })
  })

  it('gives back data without its envelope, and probes whatever they say', async () => {
    await using service = await start(({ name }) => (name === 'ready' ? { ready: false } : { id: 'model_1' }))
    expect(await service.client.models.get({ model_id: 'm' })).toEqual({ id: 'model_1' })
    expect(await service.client.ready()).toEqual({ ready: false })
  })

  it('refuses a path parameter that would become another URL: an empty one, or a step', async () => {
    await using service = await start(() => ({}))
    for (const model_id of ['', '.', '..']) {
      expect(await caught(service.client.models.delete({ model_id }))).toMatchObject({ kind: 'invalid' })
    }
    expect(service.asked).toEqual([])
  })

  it('knows the types of the table', () => {
    expectTypeOf<MlClient['models']['get']>().returns.resolves.toEqualTypeOf<Model>()
    expectTypeOf<MlClient['versions']['artifact']>().returns.resolves.toEqualTypeOf<Downloaded>()
    expectTypeOf<MlClient['training_jobs']['events']>().returns.toEqualTypeOf<AsyncIterable<StreamedEvent>>()
    expectTypeOf<MlClient['models']['train']>().parameter(0).toHaveProperty('model_type')
    // @ts-expect-error a field that is required
    const _missing: Parameters<MlClient['models']['get']>[0] = {}
    // @ts-expect-error a field that no operation but the uploads has
    const _foreign: Parameters<MlClient['models']['get']>[0] = { model_id: 'm', file: 'x' }
  })
})

describe('a failure', () => {
  it('arrives as it left: kind, code, message, details and waiting time', async () => {
    let failure: MlError | undefined
    await using service = await start(() => Promise.reject(failure))
    const details = fc.option(fc.dictionary(fc.stringMatching(/^[a-z]+$/), fc.string()), { nil: undefined })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...FAILURE_KINDS), fc.string(), details, async (kind, message, details) => {
        const waits = kind === 'limited' || kind === 'unavailable'
        failure = fail(kind, 'SOME_CODE', message, { details, ...(waits && { retryAfterSeconds: 7 }) })
        const error = await caught(service.client.health())
        expect(error).toBeInstanceOf(MlError)
        const hidden = kind === 'internal'
        expect(error).toMatchObject({ kind, code: 'SOME_CODE', retryAfterSeconds: failure.retryAfterSeconds })
        expect((error as MlError).details).toEqual(hidden ? undefined : details)
        if (!hidden) expect((error as MlError).message).toBe(message)
      }),
      { numRuns: 100 },
    )
  })

  it('names its request', async () => {
    await using service = await start(() => Promise.reject(fail('not_found', 'MODEL_NOT_FOUND', 'No model "m"')))
    const error = await caught(service.client.models.get({ model_id: 'm' }, { requestId: 'r-1' }))
    expect(error).toMatchObject({ cause: { status: 404, requestId: 'r-1' } })
  })

  it('to reach the service is "unavailable", and so is its silence', async () => {
    const client = createClient({ baseUrl: 'http://127.0.0.1:9', retries: 0 })
    expect(await caught(client.health())).toMatchObject({ kind: 'unavailable', code: 'SERVICE_UNREACHABLE' })
    await using service = await start(() => new Promise(() => {}))
    const slow = caught(service.client.health({}, { timeoutMs: 50 }))
    expect(await slow).toMatchObject({ kind: 'unavailable', code: 'TIMEOUT' })
  })

  it('is awaited without end where no limit is wanted', async () => {
    await using service = await start(async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return { status: 'healthy' }
    })
    expect(await service.client.health({}, { timeoutMs: Number.POSITIVE_INFINITY })).toMatchObject({
      status: 'healthy',
    })
  })

  it('in the words of a proxy keeps its status', async () => {
    const proxy = createServer((_, reply) => reply.writeHead(502).end('<h1>Bad gateway</h1>')).listen(0, '127.0.0.1')
    await new Promise((resolve) => proxy.once('listening', resolve))
    const { port } = proxy.address() as { port: number }
    const client = createClient({ baseUrl: `http://127.0.0.1:${port}`, retries: 0 })
    expect(await caught(client.health())).toMatchObject({ kind: 'unavailable', code: 'HTTP_502' })
    proxy.close()
  })

  it('of the asker to go on waiting is what the asker said', async () => {
    await using service = await start(() => new Promise(() => {}))
    const asker = new AbortController()
    const call = caught(service.client.health({}, { signal: asker.signal }))
    asker.abort(new Error('changed my mind'))
    expect(await call).toMatchObject({ message: 'changed my mind' })
  })
})

describe('an attempt', () => {
  const failing = (times: number): Answer => {
    let left = times
    return () => (left-- > 0 ? Promise.reject(fail('unavailable', 'BUSY', 'later', { retryAfterSeconds: 0 })) : {})
  }

  it('is repeated for a query, and for a command under one idempotency key', async () => {
    await using query = await start(failing(1))
    await query.client.health({}, { retries: 1 })
    expect(query.asked.length).toBe(2)
    await using command = await start(failing(1))
    await command.client.models.create({ name: 'm', type: 'regression' }, { retries: 1 })
    const keys = command.asked.map(({ call }) => call.idempotencyKey)
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
    expect(keys).toEqual([keys[0], keys[0]])
  })

  it('is not repeated for a command that might be done twice, nor beyond the limit', async () => {
    await using command = await start(failing(1))
    await caught(command.client.models.rollback({ model_id: 'm' }, { retries: 3 }))
    expect(command.asked.length).toBe(1)
    await using query = await start(failing(9))
    expect(await caught(query.client.health({}, { retries: 1 }))).toMatchObject({ code: 'BUSY' })
    expect(query.asked.length).toBe(2)
  })

  it('is not repeated at once, nor days later, where the service asks for days', async () => {
    const later = () => Promise.reject(fail('unavailable', 'BUSY', 'later', { retryAfterSeconds: 3_000_000 }))
    await using query = await start(later)
    expect(await caught(query.client.health({}, { retries: 3 }))).toMatchObject({ retryAfterSeconds: 3_000_000 })
    expect(query.asked.length).toBe(1)
  })
})

describe('streams', () => {
  it('of events are iterated, and tell their failure', async () => {
    await using service = await start(async function* () {
      yield { id: '1', event: 'progress', data: { text: 'ü\n\nx' } }
      yield { event: 'succeeded', data: null }
      throw fail('unavailable', 'DATABASE_AWAY', 'later')
    })
    const seen: StreamedEvent[] = []
    const reading = (async () => {
      for await (const event of service.client.training_jobs.events({ job_id: 'j' })) seen.push(event)
    })()
    expect(await caught(reading)).toMatchObject({ code: 'DATABASE_AWAY', message: 'later' })
    expect(seen).toEqual([
      { id: '1', event: 'progress', data: { text: 'ü\n\nx' } },
      { event: 'succeeded', data: null },
    ])
  })

  it('of events are closed by leaving the loop', async () => {
    const closed = Promise.withResolvers<void>()
    await using service = await start(async function* () {
      try {
        for (let i = 0; ; i++) {
          yield { event: 'progress', data: i }
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      } finally {
        closed.resolve()
      }
    })
    for await (const { data } of service.client.training_jobs.events({ job_id: 'j' })) if (data === 2) break
    await closed.promise
  })

  it('of events that cannot begin throw', async () => {
    await using service = await start(() => Promise.reject(fail('not_found', 'JOB_NOT_FOUND', 'No job')))
    const events = service.client.training_jobs.events({ job_id: 'j' })
    expect(await caught(events[Symbol.asyncIterator]().next())).toMatchObject({ code: 'JOB_NOT_FOUND' })
  })

  it('of bytes come with name and size', async () => {
    await using service = await start(() => ({
      stream: Readable.from([Buffer.from('abc')]),
      filename: 'mödel.onnx',
      size: 3,
    }))
    const { stream, filename, size } = await service.client.versions.artifact({ model_id: 'm', version: '1.0.0' })
    expect([await text(stream), filename, size]).toEqual(['abc', 'mödel.onnx', 3])
  })
})

describe('a file', () => {
  const path = 'package.json'
  const echo: Answer = async ({ call: { upload } }) =>
    upload && { filename: upload.filename, bytes: (await buffer(upload.stream)).toString('base64') }

  it.each([
    ['a Blob', async () => openAsBlob(path)],
    ['bytes', async () => new Uint8Array(await readFile(path))],
    ['text', async () => readFile(path, 'utf8')],
    ['a Node stream', async () => createReadStream(path)],
    ['a web stream', async () => Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>],
  ])('is sent from %s, with its fields', async (_, file) => {
    await using service = await start(echo)
    const contract = { columns: [{ name: 'a', dtype: 'number' as const }] }
    const output: unknown = await service.client.datasets.create({
      file: await file(),
      filename: 'ü x.csv',
      name: 'n',
      contract,
    })
    expect(output).toEqual({ filename: 'ü x.csv', bytes: await readFile(path, 'base64') })
    expect(service.asked[0]?.input).toEqual({ name: 'n', contract })
  })

  it('has its own name where it is a File', async () => {
    await using service = await start(echo)
    const file = new File(['a'], 'mine.csv')
    expect(await service.client.datasets.create({ file })).toMatchObject({ filename: 'mine.csv' })
  })

  it('may be left out where rows will do, and is a field of the uploads only', async () => {
    await using service = await start(() => ({}))
    await service.client.datasets.create({ rows: [{ a: 1 }] })
    expect(service.asked[0]?.input).toEqual({ rows: [{ a: 1 }] })
    const names = (Object.keys(operations) as OperationName[]).filter((name) => operations[name].body.includes('file'))
    expect(names).toEqual(['datasets.create', 'versions.import', 'features.ingest', 'batch_jobs.create'])
  })
})

describe('the module', () => {
  it('reaches only the contract, the failures and typebox', async () => {
    const reached = new Set<string>()
    const follow = async (path: string): Promise<void> => {
      if (reached.has(path)) return
      reached.add(path)
      const source = await readFile(path, 'utf8')
      const statements = source.matchAll(/^(?:import|export)\s(?!type\s)[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'/gm)
      for (const [, from, bare] of statements) {
        const target = (from ?? bare)!
        if (target.startsWith('.')) await follow(relative('.', resolve(dirname(path), target)))
        else reached.add(target)
      }
    }
    await follow(join('src', 'client.ts'))
    const strange = [...reached].filter(
      (one) => !/^src\/(client(\.ts|\/)|contract\/|core\/failure\.ts$)|^typebox$/.test(one),
    )
    expect(strange).toEqual([])
    expect(reached).toContain('src/contract/operations/index.ts')
    expect(reached).toContain('typebox')
  })
})
