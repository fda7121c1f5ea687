// Models made by other tools, with the answers those tools gave, through the workers. They lie beside the project; where
// they are absent the suite is skipped.
import { afterAll, describe, expect, it } from 'vitest'
import {
  type CaseTensor,
  type ForeignCase,
  foreignCase,
  foreignFile,
  foreignModels,
} from '../../test/foreign-models.ts'
import { asFailure } from '../core/failure.ts'
import { silentLog } from '../core/log.ts'
import { type LoadedModel, openRuntime, type Tensor, type TensorType } from './index.ts'
import { ARRAY_CLASS, elementCount } from './tensors.ts'

const names = foreignModels('models of other tools')

function toTensor({ dtype, shape = [], data, generate }: CaseTensor): Tensor {
  const type = dtype as TensorType
  const count = elementCount(shape)
  const values = generate ? Array.from({ length: count }, (_, i) => i / count) : (data ?? [])
  if (type === 'string') return { type, dims: shape, data: values as string[] }
  const big = type === 'int64' || type === 'uint64'
  const numbers = values.map((value) => (big ? BigInt(String(value)) : toNumber(value)))
  const array = new ARRAY_CLASS[type](new ArrayBuffer(count * ARRAY_CLASS[type].BYTES_PER_ELEMENT))
  numbers.forEach((value, i) => {
    array[i] = value
  })
  return { type, dims: shape, data: array }
}

function toNumber(value: unknown): number {
  return value === null ? Number.NaN : Number(value)
}

/** The case's inputs, or one set of feeds per row where the model takes one row at a time. */
function feedsOf({ inputs, mode }: ForeignCase): Record<string, Tensor>[] {
  const whole = Object.entries(inputs).map(([name, input]) => [name, toTensor(input)] as const)
  if (mode !== 'per-row') return [Object.fromEntries(whole)]
  const rows = whole[0]![1].dims[0]!
  return Array.from({ length: rows }, (_, row) =>
    Object.fromEntries(
      whole.map(([name, { type, data, dims }]) => {
        const width = elementCount(dims.slice(1))
        return [name, { type, dims: [1, width], data: data.slice(row * width, (row + 1) * width) }]
      }),
    ),
  )
}

function expectClose(found: readonly unknown[], expected: readonly unknown[], { atol, rtol }: ForeignCase): void {
  expect(found.length).toBe(expected.length)
  expected.forEach((value, i) => {
    if (typeof found[i] === 'string') {
      expect(found[i]).toBe(value)
      return
    }
    const [a, b] = [Number(found[i]), toNumber(typeof value === 'boolean' ? Number(value) : value)]
    if (Number.isFinite(b)) expect(Math.abs(a - b)).toBeLessThanOrEqual(atol + rtol * Math.abs(b))
    else expect(a).toBe(b)
  })
}

async function expectAnswers(model: LoadedModel, one: ForeignCase): Promise<void> {
  const answers = []
  for (const feeds of feedsOf(one)) answers.push((await model.run(feeds)).outputs)
  for (const { name } of model.info.outputs) {
    const found = answers.flatMap((outputs) => [...(outputs[name]!.data as Iterable<unknown>)])
    expectClose(found, (one.expected[name]!.data ?? []) as unknown[], one)
  }
  for (const name of model.info.otherOutputs) expect(one.expected).toHaveProperty(name)
}

describe.skipIf(names.length === 0)('models of other tools', () => {
  const runtime = openRuntime({ workers: 2, maxQueue: 10, enableGpu: false, log: silentLog })
  afterAll(() => runtime.close())

  it.for(names)('%s', async (name, { skip }) => {
    const one = foreignCase(name)
    const loading = runtime.load({ key: name, bytes: foreignFile(name) })
    if (one.expect === 'load-error') {
      await expect(loading).rejects.toMatchObject({ kind: 'invalid', code: 'MODEL_NOT_LOADABLE' })
      return
    }
    const model = await loading.catch((error: unknown) => asFailure(error))
    if (model instanceof Error) {
      if (!model.message.includes('it asks for the language')) throw model
      process.stderr.write(`skipped: ${name} (${model.message})\n`)
      return skip(model.message)
    }
    await expectAnswers(model, one)
    await model.release()
  })
})
