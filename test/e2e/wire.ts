// A cable between a process and a server, which can be pulled: nothing passes in either direction, new connections are taken and
// stay silent, and nobody is told. That is what a host sees whose switch is gone; a refused connection would say far too much.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface Wire extends AsyncDisposable {
  readonly host: string
  readonly port: number
  pull(): void
  plugIn(): void
}

export interface End {
  readonly host: string
  readonly port: number
}

/** @param near address at which it is to be reached. */
export async function layWire(target: End, near = '127.0.0.1'): Promise<Wire> {
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
  const server = createServer((caller) => {
    const called = connect(target)
    add(caller, called)
    add(called, caller)
  })
  server.listen(0, near)
  await once(server, 'listening')
  const address = server.address()
  return {
    host: near,
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
  changed.hostname = wire.host
  changed.port = String(wire.port)
  return changed.href.replace(/\/$/, url.endsWith('/') ? '/' : '')
}
