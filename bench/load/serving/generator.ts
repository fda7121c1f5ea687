// Load on one HTTP address over raw sockets: the request is written once and sent as bytes, the reply is read no further than
// its end, so that the generator takes as little as possible of the processor it shares with what it measures.
import { connect, type Socket } from 'node:net'
import { percentiles } from '../../../src/cli/bench/load.ts'

export interface Goal {
  readonly url: string
  readonly path: string
  readonly body: string
}

export interface Load {
  readonly connections: number
  readonly measureMs: number
  /** Requests a second, begun whether or not earlier ones are answered (while a connection is free); default: closed loop. */
  readonly rate?: number
}

export interface Outcome {
  /** Answered with 200, a second. */
  readonly good: number
  readonly refused: number
  readonly broken: number
  /** Due, but every connection was waiting. */
  readonly unsent: number
  readonly requests: number
  readonly latency: ReturnType<typeof percentiles>
  readonly refusalLatency: ReturnType<typeof percentiles>
}

export function bytesOf({ url, path, body }: Goal): Buffer {
  const { host } = new URL(url)
  const length = Buffer.byteLength(body)
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`,
  )
}

export interface Answered {
  /** 0: the connection broke. */
  readonly status: number
  /** What broke it. */
  readonly error?: string
  readonly ms: number
  readonly body: string
  /** When the service saw the request, on the clock of `monotonicMs`; only of a service that says so. */
  readonly seenAt?: number
}

/** The machine's clock since its start, the same in all processes. */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e3 + nanoseconds / 1e6
}

/** Header of a reply: when its request was seen. */
export const SEEN = 'x-seen'

const SEEN_LINE = `\r\n${SEEN}: `

/** One connection: `send` settles with each answer. */
export class Connection {
  readonly #socket: Socket
  #text = ''
  /** Where the headers of the reply end, and the reply; looked for once, because looking makes one text of all that has come. */
  #head = -1
  #replyEnd = 0
  #startedAt = 0
  #settle: ((answered: Answered) => void) | undefined
  busy = false

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => this.#hear(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => this.#end({ status: 0, error: error.code ?? error.message }))
    socket.on('close', () => this.#end({ status: 0, error: 'closed' }))
  }

  static open(url: string): Promise<Connection> {
    const { hostname, port } = new URL(url)
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname)
      socket.once('connect', () => resolve(new Connection(socket)))
      socket.once('error', reject)
    })
  }

  send(request: Buffer, settle: (answered: Answered) => void): void {
    this.busy = true
    this.#settle = settle
    this.#startedAt = performance.now()
    this.#socket.write(request)
  }

  /** Servers close connections that have been silent for some seconds. */
  get closed(): boolean {
    return this.#socket.closed
  }

  close(): void {
    this.#socket.destroy()
  }

  #hear(chunk: string): void {
    this.#text += chunk
    if (this.#head < 0) {
      this.#head = this.#text.indexOf('\r\n\r\n')
      if (this.#head < 0) return
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(this.#text.slice(0, this.#head))?.[1])
      this.#replyEnd = this.#head + 4 + length
    }
    if (this.#text.length < this.#replyEnd) return
    const body = this.#text.slice(this.#head + 4)
    const status = Number(this.#text.slice(9, 12))
    const seen = this.#text.indexOf(SEEN_LINE)
    const seenAt = seen < 0 ? undefined : Number.parseFloat(this.#text.slice(seen + SEEN_LINE.length, this.#head))
    this.#text = ''
    this.#head = -1
    this.#end({ status, body, ...(seenAt !== undefined && { seenAt }) })
  }

  #end({ status, body = '', ...rest }: Pick<Answered, 'status' | 'error' | 'seenAt'> & { body?: string }): void {
    const settle = this.#settle
    this.#settle = undefined
    this.busy = false
    settle?.({ status, ms: performance.now() - this.#startedAt, body, ...rest })
  }
}

/** @param requests sent in turn. @param see is shown the body of every good answer. */
export async function applyTo(
  url: string,
  requests: readonly Buffer[],
  load: Load & { readonly see?: (body: string) => void },
): Promise<Outcome> {
  const connections = await Promise.all(Array.from({ length: load.connections }, () => Connection.open(url)))
  const good: number[] = []
  const refused: number[] = []
  let broken = 0
  let unsent = 0
  let sent = 0
  const begin = performance.now()
  const end = begin + load.measureMs
  const note = ({ status, ms, body }: Answered) => {
    if (status === 200) {
      load.see?.(body)
      if (performance.now() <= end) good.push(ms)
    } else if (status === 503 || status === 429) refused.push(ms)
    else broken++
  }
  const next = () => requests[sent++ % requests.length]!
  if (load.rate === undefined) {
    const turn = (one: Connection) =>
      new Promise<void>((done) => {
        const go = () =>
          one.send(next(), (answered) => {
            note(answered)
            if (performance.now() < end && answered.status !== 0) go()
            else done()
          })
        go()
      })
    await Promise.all(connections.map(turn))
  } else {
    const free = [...connections]
    await new Promise<void>((done) => {
      let due = 0
      const timer = setInterval(() => {
        const now = performance.now()
        const wanted = (Math.min(now, end) - begin) * (load.rate! / 1000)
        for (; due < wanted; due++) {
          const one = free.pop()
          if (one === undefined) unsent++
          else {
            one.send(next(), (answered) => {
              note(answered)
              free.push(one)
            })
          }
        }
        if (now < end || free.length < connections.length) return
        clearInterval(timer)
        done()
      }, 1)
    })
  }
  for (const one of connections) one.close()
  return {
    good: (good.length / load.measureMs) * 1000,
    refused: refused.length,
    broken,
    unsent,
    requests: sent,
    latency: percentiles(good),
    refusalLatency: percentiles(refused),
  }
}
