import { expect, it } from 'vitest'
import { pause } from '../../core/backoff.ts'
import { fail } from '../../core/failure.ts'
import { silentLog } from '../../core/log.ts'
import { createMetrics } from '../../core/metrics.ts'
import type { Services } from '../ctx.ts'
import { type LoggedPrediction, PredictionLog } from './prediction-log.ts'

const aPrediction = (text: string): LoggedPrediction => ({
  id: 'pred_1',
  tenant_id: 'a',
  model_id: 'model_1',
  version: '1.0.0',
  environment: null,
  input: { text },
  output: { prediction: 1 },
  latency_ms: 1,
  request_id: 'req_1',
  rollout_id: null,
  arm: null,
})

it('drops predictions of long texts before they fill the memory while the database is away', async () => {
  const metrics = createMetrics()
  const db = { system: () => Promise.reject(fail('unavailable', 'DATABASE_AWAY', 'later')) }
  const log = new PredictionLog({ metrics, db, log: silentLog } as unknown as Services)
  const dropped = async () => (await metrics.predictionLogDropped.get()).values[0]!.value
  for (let i = 0; i < 200; i++) log.add(aPrediction('x'.repeat(2 ** 20)))
  expect(await dropped()).toBe(73)
  await log.stop()
  expect(await dropped()).toBe(200)
})

it('has written what was there when it was asked, however much comes meanwhile', async () => {
  let writes = 0
  const db = {
    async system() {
      await pause(1)
      if (++writes < 100) log.add(aPrediction('during a write'))
    },
  }
  const log = new PredictionLog({ metrics: createMetrics(), db, log: silentLog } as unknown as Services)
  for (let i = 0; i < 501; i++) log.add(aPrediction('before'))
  await log.flush()
  expect(writes).toBe(2)
  writes = 100
  await log.stop()
})
