// Reads a NATS URL. Credentials leave the text here and go on as options, so no message or status can show them.
import { readCredential } from './credentials.ts'
import { fail } from './failure.ts'

export interface NatsAddress {
  /** As `connect` of the NATS package takes them. */
  readonly options: {
    readonly servers: string[]
    readonly user?: string
    readonly pass?: string
    readonly token?: string
    readonly tls?: Record<string, never>
  }
  readonly webSocket: boolean
  /** Without credentials. */
  readonly shown: string
}

/**
 * Several servers of one cluster are joined by commas; the credentials of the first count for all, a name alone is a token.
 * `setting`: what the text is called where it was given.
 */
export function readNatsUrl(text: string, setting: string): NatsAddress {
  const urls = text.split(',').map((part) => readOne(part.trim(), setting))
  const first = urls[0]!
  const webSocket = first.protocol.startsWith('ws')
  const user = readCredential(first.username, setting)
  const pass = readCredential(first.password, setting)
  const credentials = pass ? { user, pass } : user ? { token: user } : {}
  const servers = urls.map(({ protocol, host }) => (webSocket ? `${protocol}//${host}` : host))
  return {
    options: { servers, ...credentials, ...(first.protocol === 'tls:' && { tls: {} }) },
    webSocket,
    shown: urls.map(({ protocol, host }) => `${protocol}//${host}`).join(','),
  }
}

function readOne(text: string, setting: string): URL {
  if (URL.canParse(text) && /^(nats|tls|wss?):\/\//.test(text)) return new URL(text)
  throw fail('invalid', 'VALIDATION_ERROR', `${setting} must look like nats://host:4222`)
}
