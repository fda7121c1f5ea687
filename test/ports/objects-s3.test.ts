// What only S3 can suffer: a server that is away, a bucket that is missing, keys that are wrong.
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { pipeline } from 'node:stream'
import { ListMultipartUploadsCommand, S3Client } from '@aws-sdk/client-s3'
import { describe, expect, it } from 'vitest'
import { openObjects } from '../../src/ports/objects/open.ts'
import { servers } from '../servers/servers.ts'
import { keysOf, piecesOf, read, s3Options } from './objects-backends.ts'

const { s3 } = await servers('s3')

it('objects in S3 are there for others, however many are being read slowly', async () => {
  const server = createHttpServer((request, reply) => {
    if (request.method === 'HEAD') return reply.setHeader('content-length', 5).end()
    return reply.writeHead(200, { 'content-length': 1000 }).write('slowly')
  })
  await once(server.listen(0), 'listening')
  const { port } = server.address() as AddressInfo
  const endpoint = `http://127.0.0.1:${port}`
  const credentials = { accessKeyId: 'key', secretAccessKey: 'secret' }
  const objects = await openObjects({ storage: 's3', bucket: 'b', region: 'us-east-1', endpoint, credentials })
  const readers = await Promise.all(Array.from({ length: 100 }, () => objects.get('a')))
  expect(await objects.stat('a')).toMatchObject({ size: 5 })
  for (const reader of readers) reader.on('error', () => {}).destroy()
  await objects.close()
  server.closeAllConnections()
  server.close()
})

describe.skipIf(!s3)('objects in S3', () => {
  it('name a missing bucket and what to do', async () => {
    const objects = await openObjects({ ...s3Options(), bucket: 'no-such-bucket' })
    const missing = { kind: 'unavailable', code: 'BUCKET_MISSING', message: expect.stringMatching(/Create it/) }
    await expect(objects.ping()).rejects.toMatchObject(missing)
    await expect(objects.put('a', Buffer.from('x'))).rejects.toMatchObject(missing)
    await expect(keysOf(objects, '')).rejects.toMatchObject(missing)
  })

  it('report wrong keys without repeating them', async () => {
    const secretAccessKey = 'wrong-secret-key'
    const options = s3Options()
    const objects = await openObjects({ ...options, credentials: { ...options.credentials, secretAccessKey } })
    const put = () => objects.put('a', Buffer.from('x'))
    for (const attempt of [() => objects.ping(), () => objects.stat('a'), put]) {
      const error = await attempt().then(String, (error: unknown) => error)
      expect(error).toMatchObject({ kind: 'unavailable', code: 'OBJECTS_DENIED' })
      expect(String(error)).not.toMatch(/wrong-secret-key|Signature=/)
      expect(String(error)).not.toContain(options.credentials.accessKeyId)
    }
  })

  it('abort the upload of a source that fails', async () => {
    const options = s3Options()
    const objects = await openObjects(options)
    const part = 'x'.repeat(9 << 20)
    await expect(objects.put('a', piecesOf(part, part, part, new Error('source')))).rejects.toThrow('source')
    const client = new S3Client({ ...options, forcePathStyle: true })
    const { Uploads } = await client.send(
      new ListMultipartUploadsCommand({ Bucket: options.bucket, Prefix: options.prefix }),
    )
    expect(Uploads ?? []).toEqual([])
  })

  it('are unavailable while the server is away, and there again without a new start', async () => {
    await using gate = await openGate(s3!.endpoint)
    const objects = await openObjects({ ...s3Options(), endpoint: gate.endpoint })
    await objects.put('a', Buffer.from('before'))
    await gate.shut()
    const away = { kind: 'unavailable', code: 'OBJECTS_UNAVAILABLE' }
    await expect(objects.ping()).rejects.toMatchObject(away)
    await expect(objects.get('a')).rejects.toMatchObject(away)
    await expect(objects.put('a', Buffer.from('during'))).rejects.toMatchObject(away)
    await gate.open()
    expect(await read(await objects.get('a'))).toBe('before')
    await objects.put('a', Buffer.from('after'))
    expect(await read(await objects.get('a'))).toBe('after')
  })

  it('break a download off with a failure when the server goes away in the middle', async () => {
    await using gate = await openGate(s3!.endpoint)
    const objects = await openObjects({ ...s3Options(), endpoint: gate.endpoint })
    await objects.put('large', Buffer.alloc(30 << 20))
    const stream = await objects.get('large')
    const reading = (async () => {
      let size = 0
      for await (const chunk of stream) {
        if (size === 0) await gate.shut()
        size += chunk.length
      }
      return size
    })()
    await expect(reading).rejects.toMatchObject({ kind: 'unavailable' })
  })

  it('keep prefixes apart', async () => {
    const [one, two] = [await openObjects(s3Options()), await openObjects(s3Options())]
    await one.put('a', Buffer.from('x'))
    expect(await two.stat('a')).toBeUndefined()
    expect(await keysOf(two, '')).toEqual([])
  })

  it('list more than a page', async () => {
    const objects = await openObjects(s3Options())
    const keys = Array.from({ length: 1005 }, (_, i) => `k/${String(i).padStart(5, '0')}`)
    for (let i = 0; i < keys.length; i += 50) {
      await Promise.all(keys.slice(i, i + 50).map((key) => objects.put(key, Buffer.from('x'))))
    }
    expect(await keysOf(objects, 'k/')).toEqual(keys)
    await objects.delete(keys)
    expect(await keysOf(objects, '')).toEqual([])
  })
})

/** A door in front of the server that can be shut: connections break, and new ones are refused, on a port that stays. */
async function openGate(target: string) {
  const { hostname, port } = new URL(target)
  const sockets = new Set<{ destroy(): unknown }>()
  let server: Server
  let own = 0
  const open = async () => {
    server = createServer((socket) => {
      const onward = connect(Number(port), hostname)
      sockets.add(socket).add(onward)
      pipeline(socket, onward, socket, () => {})
    })
    await new Promise<void>((resolve) => server.listen(own, '127.0.0.1', resolve))
    const address = server.address()
    if (address && typeof address === 'object') own = address.port
  }
  const shut = async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    await closed
  }
  await open()
  return { endpoint: `http://127.0.0.1:${own}`, open, shut, [Symbol.asyncDispose]: shut }
}
