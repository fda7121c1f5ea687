// A cable between a process and a server, which can be pulled: nothing passes in either direction, new connections are taken and
// stay silent, and nobody is told. That is what a host sees whose switch is gone; a refused connection would say far too much.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Wire extends AsyncDisposable {
  readonly port: number
  pull(): void
  plugIn(): void
}

export async function layWire(target: { readonly host: string; readonly port: number }): Promise<Wire> {
  const ends = new Set<Socket>()
  let isPulled = false
  const add = (from: Socket, to: Socket) => {
    ends.add(from)
    from.on('data', (bytes) => to.write(bytes))
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => {
      ends.delete(from)
      to.destroy()
    })
    if (isPulled) from.pause()
  }
  const server = createServer((near) => {
    const far = connect(target)
    add(near, far)
    add(far, near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    pull() {
      isPulled = true
      for (const end of ends) end.pause()
    },
    plugIn() {
      isPulled = false
      for (const end of ends) end.resume()
    },
    async [Symbol.asyncDispose]() {
      for (const end of ends) end.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The same address through a wire. */
export function through(wire: Wire, url: string): string {
  const changed = new URL(url)
  changed.hostname = '127.0.0.1'
  changed.port = String(wire.port)
  return changed.href.replace(/\/$/, url.endsWith('/') ? '/' : '')
}
