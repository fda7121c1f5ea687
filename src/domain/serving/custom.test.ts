import { Type } from 'typebox'
import { expect, it } from 'vitest'
import { systemClock } from '../../core/clock.ts'
import { fail } from '../../core/failure.ts'
import { createMetrics } from '../../core/metrics.ts'
import type { Ctx } from '../ctx.ts'
import { CustomModels, type RegisteredModel } from './custom.ts'
import { predictCustomRows } from './custom-rows.ts'
import type { ServingCtx } from './serving.ts'

it('models written in code have a bounded number of series, whatever tenants callers make up', async () => {
  const models = new CustomModels()
  models.register({ name: 'm', input: Type.Number(), output: Type.Number(), predict: (x) => x as number })
  const metrics = createMetrics()
  const ctx = (tenantId: string) =>
    ({ clock: systemClock, metrics, caller: { tenantId }, span: { recording: false } }) as unknown as Ctx
  for (let i = 0; i < 1100; i++)
    await models
      .find('m')!
      .predict(ctx(`tenant-${i}`), 'no number', '')
      .catch(() => {})
  const { values } = await metrics.inferenceRequests.get()
  expect(values.length).toBe(1001)
  expect(values.find(({ labels }) => labels.tenant === '(others)')?.value).toBe(100)
  expect(values.find(({ labels }) => labels.tenant === 'tenant-7')?.value).toBe(1)
})

it('many rows for a model written in code are not gone on with when the caller has left', async () => {
  let asked = 0
  const model = { predict: async () => void asked++ } as unknown as RegisteredModel
  const signal = AbortSignal.abort(fail('unavailable', 'CLIENT_GONE', 'left'))
  const ctx = { clock: systemClock, gone: () => asked > 0, signal } as unknown as ServingCtx
  const rows = Array.from({ length: 1000 }, () => 1)
  await expect(predictCustomRows(ctx, model, { rows, place: () => '' })).rejects.toMatchObject({ code: 'CLIENT_GONE' })
  expect(asked).toBe(32)
})
