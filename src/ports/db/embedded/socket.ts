// What the `pg` driver takes for its network socket. The login ends here; everything after it goes to the database.
import { Duplex } from 'node:stream'
import { LOGIN_ACCEPTED } from './protocol.ts'
import type { EmbeddedServer, Guest } from './server.ts'

const TERMINATE = 0x58

export class EmbeddedSocket extends Duplex {
  readonly #server: EmbeddedServer
  readonly #guest: Guest
  #loggedIn = false

  constructor(server: EmbeddedServer) {
    super()
    this.#server = server
    this.#guest = {
      entered: () => void this.emit('connect'),
      received: (bytes) => void this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
      lost: (error) => void this.destroy(error),
    }
  }

  /** Called by the driver with a host and a port that mean nothing here. */
  connect(): void {
    this.#server.enter(this.#guest)
  }

  // The rest of a network socket that the driver calls.
  setNoDelay(): void {}
  setKeepAlive(): void {}
  ref(): void {}
  unref(): void {}

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send(chunk)
    done()
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)))
    done()
  }

  override _final(done: () => void): void {
    this.#server.leave(this.#guest)
    this.push(null)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#server.leave(this.#guest)
    done(error)
  }

  #send(bytes: Buffer): void {
    if (!this.#loggedIn) {
      this.#loggedIn = true
      this.push(Buffer.from(LOGIN_ACCEPTED))
    } else if (bytes[0] === TERMINATE) {
      this.end()
    } else {
      this.#server.send(this.#guest, new Uint8Array(bytes)) // copied, because the buffer may be one of a shared pool
    }
  }
}
