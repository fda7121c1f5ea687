import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Call } from '../../src/core/caller.ts'
import type { InferRequest } from '../../src/core/data-plane.ts'
import { MlError } from '../../src/core/failure.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'
import { floats } from '../runtime-models.ts'

describe('predicting by tensors', () => {
  let app: TestApp
  const call = (change: Partial<Call['caller']> = {}): Call => ({
    caller: { tenantId: 'default', requestId: 'r', actor: 'test', permissions: new Set(['predict']), ...change },
    signal: new AbortController().signal,
  })
  const infer = (request: Partial<InferRequest> = {}, from: Call = call()) =>
    app.app.dataPlane.infer(from, { model: 'adder', inputs: { x: floats(1, 2, 3) }, ...request })
  const failure = (promise: Promise<unknown>): Promise<MlError> =>
    promise.then(
      () => {
        throw new Error('it was answered')
      },
      (error: unknown) => {
        expect(error).toBeInstanceOf(MlError)
        return error as MlError
      },
    )

  beforeAll(async () => {
    app = await startApp()
    await anAddingModel(app.client, { amount: 1, version: '1.0.0' })
    await anAddingModel(app.client, { amount: 5, version: '2.0.0', live: false })
  })
  afterAll(() => app.stop())

  it('answers typed arrays and says who answered and how long it took', async () => {
    const { model, outputs, timings } = await infer()
    expect(outputs).toEqual({ y: { type: 'float32', dims: [3], data: Float32Array.of(2, 3, 4) } })
    expect(model).toMatchObject({ modelName: 'adder', version: '1.0.0' })
    expect(timings.batchRows).toBeGreaterThanOrEqual(3)
    expect(timings.totalMs).toBeGreaterThanOrEqual(timings.runMs)
  })

  it('answers by a version that is not live, when it is named', async () => {
    const { outputs } = await infer({ version: '2.0.0' })
    expect(outputs.y!.data).toEqual(Float32Array.of(6, 7, 8))
  })

  it('describes what the graph takes and gives', async () => {
    const { inputs, outputs, version } = await app.app.dataPlane.describe(call(), { model: 'adder' })
    expect(inputs).toEqual([{ name: 'x', type: 'float32', dims: [null] }])
    expect(outputs).toEqual([{ name: 'y', type: 'float32', dims: [null] }])
    expect(version).toBe('1.0.0')
  })

  it('names every tensor that does not fit', async () => {
    const wrong = await failure(infer({ inputs: { x: { ...floats(1), dims: [2] }, z: floats(1) } }))
    expect(wrong).toMatchObject({ kind: 'invalid', code: 'MODEL_INPUT_INVALID' })
    expect(wrong.details?.errors).toEqual([
      { field: 'x', message: 'has 1 values for the shape [2]' },
      { field: 'z', message: 'is not an input of the model' },
    ])
    expect(await failure(infer({ outputs: ['q'] }))).toMatchObject({ code: 'MODEL_OUTPUT_UNKNOWN' })
  })

  it('needs the permission, and knows nothing of other tenants', async () => {
    expect(await failure(infer({}, call({ permissions: new Set(['read']) })))).toMatchObject({ kind: 'forbidden' })
    expect(await failure(infer({}, call({ tenantId: 'other' })))).toMatchObject({ code: 'MODEL_NOT_FOUND' })
  })

  it('counts requests and failures like any prediction', async () => {
    const reply = await app.inject({ method: 'GET', url: '/metrics' })
    expect(reply.body).toMatch(/ml_inference_requests_total\{tenant="default",model="adder",version="1.0.0"\} [1-9]/)
    expect(reply.body).toMatch(/ml_inference_errors_total\{.*code="MODEL_INPUT_INVALID"\} 1/)
  })
})
