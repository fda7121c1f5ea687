import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { probeNats, startNats } from './nats.ts'
import { probePostgres, startPostgres } from './postgres.ts'
import { probeRedis, startRedis } from './redis.ts'
import { probeS3 } from './s3.ts'
import { servers } from './servers.ts'

const { postgres, redis, nats, s3 } = await servers('postgres', 'redis', 'nats', 's3')

describe('test servers', () => {
  it.skipIf(!postgres)('hand out a PostgreSQL that may create databases', () => probePostgres(postgres!.url))
  it.skipIf(!redis)('hand out a Redis', () => probeRedis(redis!.url))
  it.skipIf(!nats)('hand out a NATS with JetStream', () => probeNats(nats!.url))
  it.skipIf(!s3)('hand out an S3 with a bucket', () => probeS3(s3!))

  it.skipIf(!s3)('check the signature of S3 requests', async () => {
    await expect(probeS3({ ...s3!, secretAccessKey: 'wrong' })).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' })
  })

  const own = { postgres: startPostgres, redis: startRedis, nats: startNats }
  const found = { postgres, redis, nats }
  for (const [name, start] of Object.entries(own)) {
    it.skipIf(!found[name as keyof typeof own])(
      `can kill a ${name} and bring it back at the same address`,
      async () => {
        await using server = await start()
        await server.kill()
        expect(await listening(server.url)).toBe(false)
        await server.restart()
        expect(await listening(server.url)).toBe(true)
      },
    )
  }

  it.skipIf(!redis)('can freeze a server so that it accepts and never answers', async () => {
    await using server = await startRedis()
    server.freeze()
    const probe = probeRedis(server.url)
    expect(await Promise.race([probe.then(() => 'answered'), sleep(200, 'silent')])).toBe('silent')
    server.thaw()
    await probe
  })
})

function listening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
