import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createClient } from '../client.ts'

const DISPATCHER = Symbol.for('undici.globalDispatcher.1')
type Dispatcher = { dispatch(options: object, handler: unknown): boolean }
const known = globalThis as unknown as Record<symbol, Dispatcher>

const waiting: ServerResponse[] = []
const server = createServer((request, response) => {
  request.resume()
  waiting.push(response)
})
let baseUrl: string
let own: Dispatcher

/** What a program asks through, with a limit that is shorter than that of Node. */
beforeEach(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  own = known[DISPATCHER]!
  known[DISPATCHER] = { dispatch: (options, handler) => own.dispatch({ headersTimeout: 300, ...options }, handler) }
})

afterEach(async () => {
  known[DISPATCHER] = own
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

it('waits for an answer as long as the call may take, through whatever the program asks through', async () => {
  const asked = createClient({ baseUrl, retries: 0 }).health()
  await expect(fetch(baseUrl)).rejects.toMatchObject({ cause: { code: 'UND_ERR_HEADERS_TIMEOUT' } })
  expect(waiting).toHaveLength(2)
  for (const response of waiting) response.setHeader('content-type', 'application/json').end('{"status":"healthy"}')
  expect(await asked).toEqual({ status: 'healthy' })
})
