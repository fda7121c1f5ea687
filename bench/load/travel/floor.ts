// The floor of the travel benchmark: bare node:http that parses a body, asks Redis for three keys in one command and answers a
// kilobyte of JSON. No checks, no features, no model. Says where it listens.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Redis } from 'ioredis'

const redis = new Redis(process.argv[2]!)
const keys = ['floor:a', 'floor:b', 'floor:c']
await Promise.all(keys.map((key) => redis.set(key, JSON.stringify({ text: 'x'.repeat(400) }))))
const server = createServer((request, reply) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', async () => {
    JSON.parse(Buffer.concat(chunks).toString())
    const found = await redis.mget(keys)
    const body = JSON.stringify(found.map((text) => JSON.parse(text!)))
    reply.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }).end(body)
  })
})
server.listen(0, '127.0.0.1', () => {
  process.send?.({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
})
process.once('disconnect', () => process.exit())
