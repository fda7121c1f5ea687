import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, it } from 'vitest'
import { sendWebhook } from './send-webhook.ts'

const MESSAGE = {
  secrets: [`whsec_${Buffer.alloc(24).toString('base64')}`],
  id: 'evt_1',
  time: new Date(0),
  body: '{}',
}

/** What becomes of an attempt at a receiver that answers these bytes. */
async function sendTo(answer: string): Promise<unknown> {
  await using server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const { signal } = new AbortController()
  return await sendWebhook({ ...MESSAGE, url }, { addresses: 'any', timeoutMs: 60_000, signal }).catch(String)
}

it('ends an attempt with whatever the receiver answers', async () => {
  expect(await sendTo('HTTP/1.1 204 No Content\r\n\r\n')).toEqual({ status: 204 })
  expect(await sendTo('HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/\r\n\r\n')).toEqual({ status: 302 })
})

it('ends an attempt where the receiver wants to speak another protocol', async () => {
  const answer = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n'
  expect(await sendTo(answer)).toEqual({ status: 101 })
})

it('ends an attempt where the receiver says nothing, or no HTTP', async () => {
  expect(await sendTo('')).toContain('socket hang up')
  expect(await sendTo('SSH-2.0-OpenSSH\r\n')).toContain('Parse Error')
})
