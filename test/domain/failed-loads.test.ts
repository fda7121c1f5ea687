// A live version whose file is damaged: the one before goes on answering, its file is read again now and then, and nobody else notices.
import { expect, it } from 'vitest'
import { type Log, silentLog } from '../../src/core/log.ts'
import { startApp } from '../helpers/app.ts'
import { anAddingModel } from '../helpers/builders.ts'

it('a version that does not load is tried again now and then, and takes nothing else out of memory', async () => {
  const errors: string[] = []
  const log: Log = { ...silentLog, error: (_, message) => void errors.push(message), child: () => log }
  await using app = await startApp({ worker: false, log })
  const { client } = app
  await anAddingModel(client, { name: 'other', version: '1.0.0' })
  await anAddingModel(client, { name: 'other', version: '2.0.0', live: false })
  await anAddingModel(client, { name: 'broken', amount: 1, version: '1.0.0' })
  const { artifact_url } = await anAddingModel(client, { name: 'broken', amount: 2, version: '1.1.0', live: false })
  const { objects } = app.app.services
  const whole: Uint8Array[] = []
  for await (const chunk of await objects.get(artifact_url!)) whole.push(chunk as Uint8Array)
  await objects.put(artifact_url!, Buffer.from('half'))
  await client.models.deploy({ model_id: 'broken', version: '1.1.0' })
  const answer = async () => (await client.models.predict({ model_id: 'broken', input_data: [0] })).version
  const byNumber = () => client.models.predict({ model_id: 'other', version: '2.0.0', input_data: [0] })
  const loads = async () => {
    const { body } = await app.inject({ method: 'GET', url: '/metrics' })
    return /ml_model_load_time_seconds_count\{[^}]*model="other"[^}]*\} (\d+)/.exec(body)?.[1]
  }
  await byNumber()
  const before = await loads()
  for (let look = 0; look < 10; look++) {
    await app.inject({ method: 'POST', url: '/reload' })
    expect(await answer()).toBe('1.0.0')
    await byNumber()
  }
  const failures = errors.filter((message) => message === 'model does not load').length
  expect(failures).toBeGreaterThan(0)
  expect(failures).toBeLessThan(6)
  expect(await loads()).toBe(before)
  await objects.put(artifact_url!, Buffer.concat(whole))
  await expect.poll(answer, { timeout: 30_000, interval: 50 }).toBe('1.1.0')
})
