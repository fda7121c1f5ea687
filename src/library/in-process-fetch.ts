// `fetch` into a service of this very process: the typed client works on it unchanged, with no socket in between.
import { Readable } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyInstance, InjectOptions } from 'fastify'

type Fetch = (input: string, init: RequestInit) => Promise<Response>

export function inProcessFetch(app: FastifyInstance): Fetch {
  return async (input, init) => {
    const request = new Request(input, { ...init, ...(init.body != null && { duplex: 'half' }) } as RequestInit)
    const { pathname, search } = new URL(input)
    const options: InjectOptions = {
      method: request.method as NonNullable<InjectOptions['method']>,
      url: `${pathname}${search}`,
      headers: Object.fromEntries(request.headers),
      payloadAsStream: true,
      ...(request.signal && { signal: request.signal }),
      ...(request.body && { payload: Readable.fromWeb(request.body as Parameters<typeof Readable.fromWeb>[0]) }),
    }
    // An answer from memory needs no turn of the event loop; a caller in a loop would keep timers and sockets waiting for ever.
    await turn()
    const reply = await app.inject(options)
    const headers = new Headers()
    for (const [name, value] of Object.entries(reply.headers)) {
      for (const one of [value].flat()) if (one !== undefined) headers.append(name, String(one))
    }
    const body = reply.statusCode === 204 ? null : (Readable.toWeb(reply.stream()) as ReadableStream<Uint8Array>)
    return new Response(body, { status: reply.statusCode, headers })
  }
}
