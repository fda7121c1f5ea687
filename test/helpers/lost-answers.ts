// A cable to PostgreSQL that cuts a connection between a commit and its answer: the work stands, and whoever asked for it is told
// that the database is gone.
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

export interface LostAnswers extends AsyncDisposable {
  /** The same database, through the cable. */
  readonly url: string
  /** The answer to the next commit of a transaction that said `statement` gets lost. @returns when that has happened. */
  loseCommitOf(statement: string): Promise<void>
}

interface Order {
  readonly statement: string
  readonly done: () => void
}

export async function loseAnswers(url: string): Promise<LostAnswers> {
  const target = new URL(url)
  const ends = new Set<Socket>()
  let order: Order | undefined

  function join(near: Socket, far: Socket): void {
    let said = ''
    near.on('data', (bytes) => {
      // Texts of statements travel as they are written. Only the present transaction is remembered.
      if (order) said = `${said}${bytes.toString('latin1')}`
      far.write(bytes)
    })
    far.on('data', (bytes) => {
      if (!bytes.includes('COMMIT\0')) return void near.write(bytes)
      const lost = order && said.includes(order.statement) ? order : undefined
      said = ''
      if (!lost) return void near.write(bytes)
      order = undefined
      near.destroy()
      far.destroy()
      lost.done()
    })
  }

  const server = createServer((near) => {
    const far = connect({ host: target.hostname, port: Number(target.port) })
    for (const [end, other] of [
      [near, far],
      [far, near],
    ] as const) {
      ends.add(end)
      end.on('error', () => other.destroy())
      end.on('end', () => other.end())
      end.on('close', () => {
        ends.delete(end)
        other.destroy()
      })
    }
    join(near, far)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String(typeof address === 'object' && address ? address.port : 0)
  return {
    url: through.href,
    loseCommitOf(statement) {
      const { promise, resolve } = Promise.withResolvers<void>()
      order = { statement, done: resolve }
      return promise
    },
    async [Symbol.asyncDispose]() {
      for (const end of ends) end.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
