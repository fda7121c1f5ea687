// What is said of outputs, and how others fare while much is said.
import { expect, it } from 'vitest'
import type { InferReply } from '../../core/data-plane.ts'
import type { Tensor } from '../../core/tensors.ts'
import { byteLengthOf, writeReply } from './response.ts'

const LONG = 120_001
const numbers: Tensor = { type: 'float32', dims: [LONG], data: Float32Array.from({ length: LONG }, (_, i) => i / 8) }
const words: Tensor = { type: 'string', dims: [LONG], data: Array.from({ length: LONG }, (_, i) => `"${i}, 😀`) }
const truths: Tensor = { type: 'bool', dims: [2], data: Uint8Array.of(1, 0) }

function replyOf(outputs: Record<string, Tensor>): InferReply {
  const model = { modelId: 'm', modelName: 'm', version: '1.0.0', signature: { inputs: [], outputs: [] } }
  return { model, outputs, timings: { queueMs: 0, runMs: 0, totalMs: 0, batchRows: 1 } }
}

it('is written in turns where it is long, and is what it would be at once', async () => {
  let turns = 0
  const count = setInterval(() => turns++, 0)
  const outputs = { truths, numbers, words }
  const written = await writeReply(replyOf(outputs), { id: 'long', outputs: undefined, binaryOutputs: false })
  clearInterval(count)
  expect(turns).toBeGreaterThan(2)
  expect(written.headerLength).toBeUndefined()
  const { outputs: read, ...rest } = JSON.parse(Buffer.concat(written.body as Uint8Array[]).toString())
  expect(rest).toEqual({ model_name: 'm', model_version: '1.0.0', id: 'long' })
  expect(read).toEqual([
    { name: 'truths', datatype: 'BOOL', shape: [2], data: [true, false] },
    { name: 'numbers', datatype: 'FP32', shape: [LONG], data: [...(numbers.data as Float32Array)] },
    { name: 'words', datatype: 'BYTES', shape: [LONG], data: words.data },
  ])
})

it('has its raw tensors behind all of its JSON', async () => {
  const wishes = [
    { name: 'numbers', binary: false, classification: undefined },
    { name: 'truths', binary: true, classification: undefined },
  ]
  const long = await writeReply(replyOf({ truths, numbers }), { id: undefined, outputs: wishes, binaryOutputs: false })
  const parts = long.body as Uint8Array[]
  expect(long.headerLength).toBe(byteLengthOf(parts) - 2)
  const whole = Buffer.concat(parts)
  const { outputs } = JSON.parse(whole.subarray(0, long.headerLength).toString())
  expect(outputs[1]).toEqual({ name: 'truths', datatype: 'BOOL', shape: [2], parameters: { binary_data_size: 2 } })
  expect([...whole.subarray(long.headerLength)]).toEqual([1, 0])
})
