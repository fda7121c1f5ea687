// Deployments while callers ask without a pause: every request is answered, and every answer is all of one version.
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startApp, type TestApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'

const SWAPS = 6
const CALLERS = 6
const AMOUNTS: Readonly<Record<string, number>> = { '1.0.0': 1, '1.1.0': 2 }

let app: TestApp
beforeAll(async () => {
  app = await startApp({ config: { mlWorkers: 2 } })
  for (const [version, amount] of Object.entries(AMOUNTS)) {
    await anAddingModel(app.client, { name: 'swapped', version, amount, live: version === '1.0.0' })
  }
})
afterAll(() => app.stop())

it('no request fails and no answer is mixed while versions take turns', async () => {
  const { client } = app
  const seen = new Map<string, number>()
  let swapping = true
  const check = (version: string, predictions: readonly unknown[]) => {
    expect(new Set(predictions)).toEqual(new Set([AMOUNTS[version]]))
    seen.set(version, (seen.get(version) ?? 0) + 1)
  }
  const single = async () => {
    const { version, prediction } = await client.models.predict({ model_id: 'swapped', input_data: [0] })
    check(version, [prediction])
  }
  const several = async () => {
    const { version, predictions } = await client.models.predict_batch({ model_id: 'swapped', input_data: [[0], [0]] })
    check(
      version,
      predictions.map(({ prediction }) => prediction),
    )
  }
  const tensors = async () => {
    await turn() // as a request over a socket would
    const inputs = [{ name: 'x', shape: [3], datatype: 'FP32', data: [0, 0, 0] }]
    const reply = await app.inject({ method: 'POST', url: '/v2/models/swapped/infer', payload: { inputs } })
    expect(reply.statusCode).toBe(200)
    const { model_version, outputs } = reply.json()
    check(model_version, outputs[0].data)
  }
  const callers = Array.from({ length: CALLERS }, async (_, i) => {
    const ask = [single, several, tensors][i % 3]!
    while (swapping) await ask()
  })
  const deploying = (async () => {
    try {
      for (let i = 1; i <= SWAPS; i++) {
        const version = i % 2 === 1 ? '1.1.0' : '1.0.0'
        await client.models.deploy({ model_id: 'swapped', version })
        // Made live is answered with: at once for who asks afterwards.
        expect((await client.models.predict({ model_id: 'swapped', input_data: [0] })).version).toBe(version)
      }
    } finally {
      swapping = false
    }
  })()
  await Promise.all([deploying, ...callers])
  expect(seen.get('1.0.0')).toBeGreaterThan(SWAPS)
  expect(seen.get('1.1.0')).toBeGreaterThan(SWAPS)
  await expect.poll(() => app.app.services.runtime.status().models.length).toBe(1)
})
