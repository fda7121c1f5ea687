// Inference requests over HTTP for a load test: written once, sent many times over connections that stay open.
import * as http from 'node:http'
import * as https from 'node:https'
import { fail } from '../../core/failure.ts'
import { datatypeOf } from '../../core/oip/datatypes.ts'
import { toRaw } from '../../core/oip/raw.ts'
import type { Tensor, Tensors } from '../../core/tensors.ts'

export interface Target {
  readonly url: string
  readonly tenant: string | undefined
  readonly model: string
  readonly version: string | undefined
}

export interface Sender {
  /** Sends the inputs and resolves when the answer is complete. */
  readonly send: () => Promise<void>
  readonly close: () => void
  /** Of one request. */
  readonly bytes: number
}

export type Form = 'binary' | 'json'

export function httpSender(target: Target, inputs: Tensors, form: Form): Sender {
  const { body, headers } = form === 'json' ? jsonBody(inputs) : binaryBody(inputs)
  const place = new URL(target.url)
  const { Agent, request } = place.protocol === 'https:' ? https : http
  const agent = new Agent({ keepAlive: true })
  const version = target.version === undefined ? '' : `/versions/${encodeURIComponent(target.version)}`
  const options = {
    agent,
    // In an address, IPv6 stands in brackets.
    host: place.hostname.replace(/^\[(.*)\]$/, '$1'),
    ...(place.port !== '' && { port: place.port }),
    method: 'POST',
    path: `${place.pathname.replace(/\/+$/, '')}/v2/models/${encodeURIComponent(target.model)}${version}/infer`,
    headers: {
      ...headers,
      'content-length': body.length,
      ...(target.tenant !== undefined && { 'x-tenant-id': target.tenant }),
    },
  }
  const send = () =>
    new Promise<void>((resolve, reject) => {
      const sent = request(options, (reply) => {
        const wrong: Buffer[] = []
        const ok = reply.statusCode === 200
        reply.on('data', (chunk: Buffer) => {
          if (!ok) wrong.push(chunk)
        })
        reply.on('end', () => (ok ? resolve() : reject(refused(reply.statusCode, Buffer.concat(wrong).toString()))))
        reply.on('error', reject)
      })
      sent.on('error', reject)
      sent.end(body)
    })
  return { send, close: () => agent.destroy(), bytes: body.length }
}

function refused(status: number | undefined, text: string) {
  return fail('unavailable', 'BENCH_REQUEST_FAILED', `${status}: ${text.slice(0, 300)}`)
}

function jsonBody(inputs: Tensors) {
  const list = Object.entries(inputs).map(([name, { type, dims, data }]) => {
    const values = Array.from(data as ArrayLike<unknown>, (value) => (type === 'bool' ? value === 1 : value))
    return { name, shape: dims, datatype: datatypeOf(type).name, data: values }
  })
  const text = JSON.stringify({ inputs: list }, (_key, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value,
  )
  return { body: Buffer.from(text), headers: { 'content-type': 'application/json' } }
}

function binaryBody(inputs: Tensors) {
  const raw = Object.values(inputs).map((tensor) => toRaw(tensor))
  const list = Object.entries(inputs).map(([name, { type, dims }]: [string, Tensor], i) => ({
    name,
    shape: dims,
    datatype: datatypeOf(type).name,
    parameters: { binary_data_size: raw[i]!.byteLength },
  }))
  const json = Buffer.from(JSON.stringify({ inputs: list, parameters: { binary_data_output: true } }))
  return {
    body: Buffer.concat([json, ...raw]),
    headers: { 'inference-header-content-length': json.length, 'content-type': 'application/octet-stream' },
  }
}
