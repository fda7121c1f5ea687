// Every model file of other tools that lies beside the project, imported over HTTP and called as a client of the Open Inference
// Protocol would. Where the folder is absent the suite is skipped.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CaseTensor, type ForeignCase, foreignCase, foreignFile, foreignModels } from '../foreign-models.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { refusal } from '../helpers/failing.ts'

const names = foreignModels('models of other tools over the protocol')
const DATATYPE: Readonly<Record<string, string>> = { float32: 'FP32', float64: 'FP64', string: 'BYTES', bool: 'BOOL' }

interface V2Tensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly datatype: string
  readonly data: readonly unknown[]
}

function toV2(name: string, { dtype, shape = [], data, generate }: CaseTensor): V2Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1)
  const values = generate ? Array.from({ length: count }, (_, i) => i / count) : (data ?? [])
  return { name, shape, datatype: DATATYPE[dtype] ?? dtype.toUpperCase(), data: values }
}

/** The whole request, or one a row for graphs made for exactly one row. */
function requestsOf({ inputs, mode }: ForeignCase): V2Tensor[][] {
  const whole = Object.entries(inputs).map(([name, input]) => toV2(name, input))
  if (mode !== 'per-row') return [whole]
  return Array.from({ length: whole[0]!.shape[0]! }, (_, row) =>
    whole.map(({ shape, data, ...tensor }) => {
      const width = data.length / shape[0]!
      return { ...tensor, shape: [1, width], data: data.slice(row * width, (row + 1) * width) }
    }),
  )
}

/** FP32 as raw bytes, which alone can say infinity; the rest as JSON. */
function bodyOf(inputs: readonly V2Tensor[]): { payload: Buffer; headers: Record<string, string> } {
  const raw: Buffer[] = []
  const list = inputs.map((input) => {
    if (input.datatype !== 'FP32') return input
    const { data, ...rest } = input
    const values = Float32Array.from(data, (value) => (value === null ? Number.NaN : Number(value)))
    raw.push(Buffer.from(values.buffer))
    return { ...rest, parameters: { binary_data_size: values.byteLength } }
  })
  const json = Buffer.from(JSON.stringify({ inputs: list }))
  const headers = { 'inference-header-content-length': String(json.length) }
  return { payload: Buffer.concat([json, ...raw]), headers }
}

/** What a ZipMap answered stands here as the tensor that went into it. */
function valuesOf({ dtype, data = [] }: CaseTensor): readonly unknown[] {
  if (dtype !== 'seq(map)') return data
  return (data as readonly object[]).flatMap((row) => Object.values(row))
}

function expectClose(found: readonly unknown[], expected: readonly unknown[], { atol, rtol }: ForeignCase): void {
  expect(found).toHaveLength(expected.length)
  expected.forEach((value, i) => {
    if (typeof value !== 'number') expect(found[i]).toBe(value)
    else expect(Math.abs(Number(found[i]) - value)).toBeLessThanOrEqual(atol + rtol * Math.abs(value))
  })
}

describe.skipIf(names.length === 0)('a model of another tool', () => {
  let app: TestApp
  beforeAll(async () => {
    app = await startApp({ worker: false })
  })
  afterAll(() => app.stop())

  const infer = async (model: string, inputs: readonly V2Tensor[]) => {
    const { payload, headers } = bodyOf(inputs)
    const reply = await app.app.http.inject({ method: 'POST', url: `/v2/models/${model}/infer`, payload, headers })
    expect([reply.statusCode, reply.json().error]).toEqual([200, undefined])
    return reply.json().outputs as V2Tensor[]
  }

  it.for(names)('%s: answers the same over the protocol', async (name) => {
    const one = foreignCase(name)
    const { id: model_id } = await app.client.models.create({ name, type: 'custom' })
    const file = foreignFile(name)
    // Those of Triton run in processes of their own, as all do without `trusted`.
    const importing = app.client.versions.import({ model_id, file, trusted: !name.startsWith('triton') })
    if (one.expect === 'load-error') {
      const { kind, code, message } = await refusal(importing)
      expect({ kind, code }).toEqual({ kind: 'invalid', code: 'MODEL_NOT_LOADABLE' })
      expect(message).toMatch(/of operator set 6; export it again/)
      return
    }
    const version = await importing
    await app.client.models.deploy({ model_id, version: version.version })
    const answers: V2Tensor[][] = []
    for (const inputs of requestsOf(one)) answers.push(await infer(name, inputs))
    for (const [output, expected] of Object.entries(one.expected)) {
      const found = answers.flatMap((outputs) => outputs.find((tensor) => tensor.name === output)!.data)
      expectClose(found, valuesOf(expected), one)
    }
  })
})
