// Tensors too large to be left to the garbage collector: their memory is given back by hand, and nobody may miss it.
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../helpers/app.ts'
import { addModel } from '../runtime-models.ts'
import { aTensorModel, identityModel } from './models.ts'

let app: TestApp
let url: string

beforeAll(async () => {
  app = await startApp({ worker: false })
  await aTensorModel(app.client, { name: 'echo', file: identityModel('float32', ['N']) })
  url = await app.app.listen({ host: '127.0.0.1', port: 0 })
}, 60_000)
afterAll(() => app.stop())

const HEADER_LENGTH = 'inference-header-content-length'

function bodyOf(name: string, values: Float32Array, pad: number) {
  const parameters = { binary_data_size: values.byteLength }
  const inputs = [{ name, shape: [values.length], datatype: 'FP32', parameters }]
  const json = Buffer.from(JSON.stringify({ inputs, parameters: { binary_data_output: true } }) + ' '.repeat(pad))
  return { json, body: Buffer.concat([json, new Uint8Array(values.buffer)]) }
}

interface Asked {
  readonly pad?: number
  readonly name?: string
  readonly headers?: Record<string, string>
  /** Without saying how long it is. */
  readonly unmeasured?: boolean
}

function infer(
  model: string,
  values: Float32Array,
  { pad = 0, name = 'INPUT0', headers = {}, unmeasured }: Asked = {},
) {
  const { json, body } = bodyOf(name, values, pad)
  const length = unmeasured ? {} : { 'content-length': body.length }
  return new Promise<Float32Array>((resolve, reject) => {
    const options = { method: 'POST', headers: { [HEADER_LENGTH]: json.length, ...length, ...headers } }
    const sent = request(`${url}/v2/models/${model}/infer`, options, (reply) => {
      const chunks: Buffer[] = []
      reply.on('data', (chunk) => chunks.push(chunk))
      reply.on('end', () => {
        const all = Buffer.concat(chunks)
        if (reply.statusCode !== 200) return reject(new Error(all.toString()))
        if (Number(reply.headers['content-length']) !== all.length) return reject(new Error('another length'))
        resolve(new Float32Array(new Uint8Array(all.subarray(Number(reply.headers[HEADER_LENGTH]))).buffer))
      })
    })
    sent.on('error', reject)
    sent.write(body.subarray(0, 70_000))
    sent.end(body.subarray(70_000))
  })
}

const numbers = (seed: number, length: number) => Float32Array.from({ length }, (_, i) => seed + (i % 1000))

describe('a megabyte there and back', () => {
  it('is each caller’s own, wherever its numbers lie in the body', async () => {
    const sizes = [262_144, 40_000, 17_000, 100]
    const asked = Array.from({ length: 24 }, (_, i) => numbers(i * 10_000, sizes[i % 4]!))
    const answers = await Promise.all(asked.map((values, i) => infer('echo', values, { pad: i % 9 })))
    for (const [i, values] of asked.entries()) expect(answers[i]).toEqual(values)
  })

  it('may come in chunks of unknown number', async () => {
    const values = numbers(1, 262_144)
    expect(await infer('echo', values, { unmeasured: true })).toEqual(values)
  })

  it('beyond what is kept for the next one is answered too', async () => {
    const values = numbers(3, 4_500_000)
    expect(await infer('echo', values)).toEqual(values)
    expect(await infer('echo', values.slice(0, 100_000))).toEqual(values.slice(0, 100_000))
  })
})

describe('a shadow', () => {
  it('sees what its request held, though that was given back with the reply', async () => {
    const { id: model_id } = await app.client.models.create({ name: 'adder', type: 'regression' })
    for (const [version, amount] of [
      ['1.0.0', 1],
      ['1.1.0', 3],
    ] as const) {
      await app.client.versions.import({ model_id, version, file: addModel(amount), trusted: true })
    }
    await app.client.models.deploy({ model_id, version: '1.0.0' })
    await app.client.models.deploy({ model_id, version: '1.1.0', strategy: { type: 'shadow' } })
    const values = numbers(5, 18_000)
    expect(await infer('adder', values, { name: 'x' })).toEqual(values.map((value) => value + 1))
    const report = () => app.client.rollouts.get({ model_id, environment: 'production' })
    await expect.poll(async () => (await report()).differences?.rows, { timeout: 15_000 }).toBe(18_000)
    expect(await report()).toMatchObject({
      challenger: { errors: 0 },
      differences: { disagreements: 18_000, mean_difference: 2, max_difference: 2 },
    })
  })
})
