// What a request costs in Redis, counted on the wire: everything known of everybody it names is asked for at once, and answered from
// there without the database.
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DESTINATION, USER } from '../../src/travel/entities.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { startRedis } from '../servers/redis.ts'
import type { TestServer } from '../servers/server.ts'
import { servers } from '../servers/servers.ts'

const { redis } = await servers('redis')

/** Passes everything on, and counts: an asking after an answer is another round trip, askings one after the other are one. */
class Wire {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  trips = 0
  asked = ''

  constructor(port: number) {
    this.#server = createServer((inside) => {
      const outside = connect(port, '127.0.0.1')
      let answered = true
      inside.on('data', (bytes) => {
        if (answered) this.trips++
        answered = false
        this.asked += bytes.toString('latin1')
        outside.write(bytes)
      })
      outside.on('data', (bytes) => {
        answered = true
        inside.write(bytes)
      })
      for (const socket of [inside, outside]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          inside.destroy()
          outside.destroy()
        })
      }
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return (this.#server.address() as { port: number }).port
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}

describe.skipIf(!redis)('a travel request with its features in Redis', () => {
  let server: TestServer
  let wire: Wire
  let app: TestApp

  beforeAll(async () => {
    server = await startRedis()
    const url = new URL(server.url)
    wire = new Wire(Number(url.port))
    url.port = String(await wire.listen())
    app = await startApp({ config: { redisUrl: url.href } })
    while (!app.app.services.cache.status().connected) await sleep(10)
    const { client } = app
    await client.features.declare(USER)
    await client.features.declare(DESTINATION)
    const rows = ['ann', 'bob'].map((entity_id) => ({
      entity_id,
      interests: ['art'],
      pace: 0.5,
      timezone: 'Europe/Rome',
    }))
    await client.features.ingest({ entity_type: 'user', rows })
    await client.features.ingest({
      entity_type: 'destination',
      rows: [{ entity_id: 'nice', name: 'Nice', tags: ['art'] }],
    })
    const seen = { user_id: 'ann', event: 'viewed', item_id: 'nice' }
    await client.interactions.record({ interactions: [seen] })
  })
  afterAll(async () => {
    await app?.stop()
    wire?.close()
    await server?.[Symbol.asyncDispose]()
  })

  const context = { destination: 'nice', dates: '2030-05-11/2030-05-15', interests: ['art'] }
  const message = { user_id: 'ann', notification_type: 'message', urgency: 'low' } as const
  const requests = {
    'match scoring': () => app.client.match.score({ user_a_id: 'ann', user_b_id: 'bob', context }),
    'send-time': () => app.client.notifications.optimize(message),
    'reading features': () => app.client.features.read({ entity_type: 'user', entity_ids: ['ann', 'bob', 'nobody'] }),
  }

  it.each(Object.keys(requests) as (keyof typeof requests)[])('asks once: %s', async (name) => {
    const ask = requests[name]
    // The first fills in what nobody asked for before; where the machine is busy, one may give Redis up and ask the database.
    await ask()
    let fewest = Number.POSITIVE_INFINITY
    let answer: unknown
    for (let i = 0; i < 20 && fewest > 1; i++) {
      const before = wire.trips
      wire.asked = ''
      answer = await ask()
      fewest = Math.min(fewest, wire.trips - before)
    }
    expect(fewest).toBe(1)
    expect(wire.asked).toContain('features:default:user:ann')
    expect(answer).toBeDefined()
  })

  it('asks once for the features of recommending', async () => {
    await app.client.recommend.destinations({ user_id: 'ann' })
    wire.asked = ''
    await app.client.recommend.destinations({ user_id: 'ann' })
    expect(wire.asked.split('features:default:user:ann')).toHaveLength(2)
  })
})
