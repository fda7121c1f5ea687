// One attempt to deliver an event: signed as Standard Webhooks say, to a public address only. The address is judged where it
// is connected to, after the name was resolved: a name that changes its address between check and use gains nothing.
import { lookup } from 'node:dns'
import { type ClientRequest, request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { fail } from '../core/failure.ts'
import type { TraceContext } from '../core/trace.ts'
import { forbiddenAddress, isPublicAddress, literalAddress } from './public-address.ts'

export interface WebhookMessage {
  readonly url: string
  /** `whsec_…`; several while one is being replaced, and then there is a signature for each. */
  readonly secrets: readonly string[]
  /** The same in every attempt. */
  readonly id: string
  readonly time: Date
  readonly body: string
  /** Of this attempt. */
  readonly trace?: TraceContext | undefined
}

export interface SendOptions {
  readonly addresses: 'public' | 'any'
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** A redirection is an answer like any other that is not 2xx: it is not followed. */
export async function sendWebhook(message: WebhookMessage, options: SendOptions): Promise<{ readonly status: number }> {
  const url = new URL(message.url)
  const address = literalAddress(url)
  if (options.addresses === 'public' && address !== undefined && !isPublicAddress(address))
    throw forbiddenAddress(address)
  return new Promise((resolve, reject) => {
    const late = AbortSignal.timeout(options.timeoutMs)
    const signal = AbortSignal.any([options.signal, late])
    const settings: RequestOptions = {
      method: 'POST',
      headers: headersOf(message),
      // A kept connection would skip the check.
      agent: false,
      signal,
      ...(options.addresses === 'public' && { lookup: publicLookup }),
    }
    const send: (url: URL, options: RequestOptions) => ClientRequest =
      url.protocol === 'https:' ? httpsRequest : httpRequest
    const call = send(url, settings)
    call.once('response', (response) => {
      // What it says does not matter, and may be endless.
      response.destroy()
      resolve({ status: response.statusCode ?? 0 })
    })
    // Without a listener Node.js closes the connection and tells nobody: the attempt would never end.
    call.once('upgrade', (response, socket) => {
      socket.destroy()
      resolve({ status: response.statusCode ?? 0 })
    })
    call.on('error', (error) => reject(late.aborted ? tooLate(options.timeoutMs) : error))
    call.end(message.body)
  })
}

function headersOf({ id, secrets, time, body, trace }: WebhookMessage): Record<string, string> {
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'modelyard',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(time.getTime() / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, time, body)).join(' '),
    ...trace,
  }
}

/** Resolves as usual, and fails where any of the addresses is not public. */
const publicLookup: LookupFunction = (hostname, options, done) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error) return done(error, '')
    const bad = found.find(({ address }) => !isPublicAddress(address))
    if (bad || found.length === 0) return done(forbiddenAddress(bad?.address ?? hostname), '')
    if (options.all) return done(null, found)
    done(null, found[0]!.address, found[0]!.family)
  })
}

function tooLate(timeoutMs: number) {
  return fail('unavailable', 'WEBHOOK_TIMEOUT', `no answer within ${timeoutMs} ms`)
}
