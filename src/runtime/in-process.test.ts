import { describe, expect, it } from 'vitest'
import { addModel, echoModel, floats, loopModel } from '../../test/runtime-models.ts'
import { openSession } from './in-process.ts'

describe('a session in the calling thread', () => {
  it('answers like one in a worker', async () => {
    const session = await openSession(addModel(2))
    expect(session.info.inputs).toEqual([{ name: 'x', type: 'float32', dims: [null] }])
    expect((await session.run({ x: floats(1, 2) })).outputs).toEqual({ y: floats(3, 4) })
    await session.close()
  })

  it('brings back only the outputs asked for', async () => {
    const session = await openSession(echoModel(['float32', 'string']))
    const float32_in = { type: 'float32', dims: [1, 1], data: Float32Array.of(1) } as const
    const string_in = { type: 'string', dims: [1, 1], data: ['a'] } as const
    const { outputs } = await session.run({ float32_in, string_in }, { fetches: ['string_out'] })
    expect(outputs).toEqual({ string_out: string_in })
    await session.close()
  })

  it('refuses feeds that do not fit, naming the input', async () => {
    const session = await openSession(loopModel())
    const run = session.run({ count: { type: 'int64', dims: [], data: BigInt64Array.of(1n) }, x: floats(1, 2) })
    await expect(run).rejects.toMatchObject({
      code: 'MODEL_INPUT_INVALID',
      details: { errors: [{ field: 'x', message: 'must have the shape [1], not [2]' }] },
    })
    await session.close()
  })

  it('refuses bytes that are no model', async () => {
    await expect(openSession(new Uint8Array(10))).rejects.toMatchObject({ kind: 'invalid', code: 'MODEL_NOT_LOADABLE' })
  })
})
