// Reads a NATS URL. Credentials leave the text here and go on as options, so no message or status can show them.
import type { ConnectionOptions } from '@nats-io/transport-node'
import { fail } from '../../core/failure.ts'

export interface NatsAddress {
  readonly options: ConnectionOptions
  readonly webSocket: boolean
  /** Without credentials. */
  readonly shown: string
}

/** Several servers of one cluster are joined by commas; the credentials of the first count for all. */
export function readNatsUrl(text: string): NatsAddress {
  const urls = text.split(',').map((part) => readOne(part.trim()))
  const first = urls[0]!
  const webSocket = first.protocol.startsWith('ws')
  const user = decodeURIComponent(first.username)
  const password = decodeURIComponent(first.password)
  const credentials = password ? { user, pass: password } : user ? { token: user } : {}
  const addresses = urls.map(({ protocol, host }) => (webSocket ? `${protocol}//${host}` : host))
  return {
    options: { servers: addresses, ...credentials, ...(first.protocol === 'tls:' && { tls: {} }) },
    webSocket,
    shown: urls.map(({ protocol, host }) => `${protocol}//${host}`).join(','),
  }
}

function readOne(text: string): URL {
  if (URL.canParse(text) && /^(nats|tls|wss?):\/\//.test(text)) return new URL(text)
  throw fail('invalid', 'VALIDATION_ERROR', 'NATS_URL must look like nats://host:4222')
}
