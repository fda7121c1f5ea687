// The messages between the thread that owns the embedded database and the service. `bytes` is PostgreSQL's own wire
// protocol, so that the `pg` driver is the only client code for both back ends.

export interface WorkerOptions {
  /** Folder of the database; made if it is missing. */
  readonly dataDir: string
  /** A finished folder to start from where `dataDir` is missing. */
  readonly templateDir: string | undefined
}

export type ToWorker =
  | { readonly kind: 'bytes'; readonly session: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'reset'; readonly session: number }
  | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'bytes'; readonly session: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'reset'; readonly session: number }
  | { readonly kind: 'closed' }
  | { readonly kind: 'failed'; readonly message: string }

/** A simple query ('Q') of the wire protocol. */
export function queryMessage(text: string): Uint8Array<ArrayBuffer> {
  const body = Buffer.from(`${text}\0`)
  const message = new Uint8Array(5 + body.length)
  message[0] = 0x51
  new DataView(message.buffer).setInt32(1, 4 + body.length)
  message.set(body, 5)
  return message
}

/** What a server answers to a login it accepts: authentication ok, ready for a query. */
export const LOGIN_ACCEPTED = Uint8Array.of(0x52, 0, 0, 0, 8, 0, 0, 0, 0, 0x5a, 0, 0, 0, 5, 0x49)
