import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { httpSender } from '../../src/cli/bench/http.ts'
import { makeInputs } from '../../src/cli/bench/inputs.ts'
import { percentiles } from '../../src/cli/bench/load.ts'
import { concurrencies } from '../../src/cli/commands/bench.ts'
import type { SignatureInput } from '../../src/contract/models.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { cli } from '../helpers/cli.ts'

describe('a range of concurrency', () => {
  it.each([
    ['16', [16]],
    ['1:16', [1, 2, 4, 8, 16]],
    ['1:10', [1, 2, 4, 8, 10]],
    ['4:12:4', [4, 8, 12]],
  ])('%s', (range, list) => expect(concurrencies(range)).toEqual(list))

  it.each(['0', 'x', '4:2', '1:', '1.5'])('%s is refused', (range) => {
    expect(() => concurrencies(range)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })
})

describe('percentiles', () => {
  it('are values that were measured', () => {
    const values = Array.from({ length: 1000 }, (_, i) => i + 1)
    expect(percentiles(values)).toEqual({
      mean: 500.5,
      p50: 500,
      p90: 900,
      p95: 950,
      p99: 990,
      'p99.9': 999,
      max: 1000,
    })
    expect(percentiles([])).toMatchObject({ p50: 0, max: 0 })
  })
})

describe('generated inputs', () => {
  const options = { batch: 2, shapes: new Map(), columns: [], seed: 1 }
  it('fit the shapes and keep to what was seen in training', () => {
    const columns = [
      { name: 'age', dtype: 'integer', nullable: false, min: 20, max: 30 },
      { name: 'city', dtype: 'string', nullable: false, categories: ['Oslo'] },
    ] satisfies SignatureInput[]
    const { age, city } = makeInputs(
      [
        { name: 'age', datatype: 'INT64', shape: [-1, 1] },
        { name: 'city', datatype: 'BYTES', shape: [-1, 1] },
      ],
      { ...options, columns },
    )
    expect(city).toEqual({ type: 'string', dims: [2, 1], data: ['Oslo', 'Oslo'] })
    expect(age!.dims).toEqual([2, 1])
    for (const value of age!.data as BigInt64Array) expect(value >= 20n && value <= 30n).toBe(true)
  })

  it('ask for the length of an axis that is open', () => {
    const inputs = [{ name: 'tokens', datatype: 'INT64', shape: [-1, -1] }]
    expect(() => makeInputs(inputs, options)).toThrow('--shape tokens:?')
    expect(makeInputs(inputs, { ...options, shapes: new Map([['tokens', [5]]]) }).tokens!.dims).toEqual([2, 5])
  })

  it('have as many rows as are counted', () => {
    const fixed = [{ name: 'picture', datatype: 'FP32', shape: [1, 3] }]
    expect(() => makeInputs(fixed, options)).toThrow(
      '--batch-size 2 does not fit the model, which takes "picture" [1, 3]',
    )
    expect(makeInputs(fixed, { ...options, batch: 1 }).picture!.dims).toEqual([1, 3])
    const beside = [...fixed, { name: 'rows', datatype: 'FP32', shape: [-1] }]
    expect(makeInputs(beside, options).rows!.dims).toEqual([2])
  })
})

describe('modelyard bench', () => {
  let app: TestApp
  let url: string
  beforeAll(async () => {
    app = await startApp({ config: { grpcPort: 0 } })
    await anAddingModel(app.client)
    url = await app.app.listen({ host: '127.0.0.1', port: 0 })
  })
  afterAll(() => app.stop())

  it.each(['http', 'json', 'grpc'])('measures over %s', async (form) => {
    const protocol = form === 'grpc' ? ['-i', 'grpc', '--grpc-address', `127.0.0.1:${app.app.grpcPort()}`] : []
    const { code, json } = await cli(
      'bench',
      'adder',
      ...protocol,
      ...(form === 'json' ? ['--json-tensors'] : []),
      ...['--url', url, '--json', '--concurrency-range', '1:2', '-b', '1,4', '-p', '200', '--warm-up', '50'],
    )
    expect(code).toBe(0)
    const measurements = json.measurements as Record<string, number>[]
    expect(measurements.map((m) => [m.batch, m.concurrency])).toEqual([
      [1, 1],
      [1, 2],
      [4, 1],
      [4, 2],
    ])
    for (const one of measurements) expect([one.errors, one.requests! > 0]).toEqual([0, true])
  })

  it('says which model it does not find', async () => {
    const { code, err } = await cli('bench', 'nothing', '--url', url)
    expect([code, err]).toEqual([2, expect.stringContaining('No model "nothing"')])
  })

  it('takes an address that ends in a slash, and says which one it cannot reach', async () => {
    const { code, json } = await cli(
      ...['bench', 'adder', '--url', `${url}/`, '--json', '--concurrency-range', '1', '-p', '100', '--warm-up', '0'],
    )
    expect([code, (json.measurements as { errors: number }[])[0]?.errors]).toEqual([0, 0])
    const nobody = await cli('bench', 'adder', '--url', 'http://127.0.0.1:1')
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('http://127.0.0.1:1 cannot be reached')])
  })

  it('sends to an address with a path before it', async () => {
    const paths: (string | undefined)[] = []
    const proxy = createServer((request, reply) => {
      paths.push(request.url)
      reply.end()
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const { port } = proxy.address() as AddressInfo
    const target = { url: `http://127.0.0.1:${port}/gateway`, tenant: undefined, model: 'adder', version: undefined }
    const sender = httpSender(target, { x: { type: 'float32', dims: [1], data: Float32Array.of(1) } }, 'json')
    await sender.send()
    sender.close()
    proxy.close()
    expect(paths).toEqual(['/gateway/v2/models/adder/infer'])
  })
})
