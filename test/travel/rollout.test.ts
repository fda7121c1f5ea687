// A version of a travel service goes out as every version does: to some of the requests first, and back at once.
import { expect, it } from 'vitest'
import type { Interaction } from '../../src/contract/features.ts'
import { startApp, type TestApp } from '../helpers/app.ts'
import { untilEnded } from '../helpers/builders.ts'

const DAY = 86_400_000

/** Users who are there at 9 and at 18, UTC, by turns. */
function habits(users: number): Interaction[] {
  const since = Date.parse('2025-01-06T00:00:00Z')
  return Array.from({ length: users * 6 }, (_, i): Interaction => {
    const at = new Date(since + Math.floor(i / users) * DAY + (9 + 9 * (i % 2)) * 3_600_000).toISOString()
    return { user_id: `u${i % users}`, event: 'viewed', at }
  })
}

async function answersBy(app: TestApp): Promise<ReadonlyMap<string, number>> {
  const { body } = await app.inject({ method: 'GET', url: '/metrics' })
  const counted = /ml_inference_requests_total\{[^}]*model="travel_notify",version="([^"]+)"[^}]*\} (\d+)/g
  return new Map([...body.matchAll(counted)].map(([, version, count]) => [version!, Number(count)]))
}

it('answers its share as a canary, and nothing after a rollback', { timeout: 240_000 }, async () => {
  await using app = await startApp()
  const { client } = app
  await client.interactions.record({ interactions: habits(40) })
  for (const _ of [1, 2]) {
    const { job_id } = await client.travel.train({ service: 'notify' })
    expect((await untilEnded(client, job_id)).status).toBe('succeeded')
  }
  const model_id = 'travel_notify'
  expect((await client.models.get({ model_id })).deployments).toEqual({ production: '1.0.0' })
  await client.models.deploy({ model_id, version: '1.1.0', strategy: { type: 'canary', percent: 50 } })
  await client.reload()
  const ask = async () => {
    for (let i = 0; i < 60; i++) {
      const wish = { user_id: `u${i % 40}`, notification_type: 'message', urgency: 'low' } as const
      const { reason } = await client.notifications.optimize(wish, { requestId: `r${i}` })
      expect(reason).toContain('most active')
    }
  }
  await ask()
  const split = await answersBy(app)
  expect(split.get('1.0.0')! + split.get('1.1.0')!).toBe(60)
  expect(split.get('1.1.0')).toBeGreaterThan(10)
  expect(split.get('1.0.0')).toBeGreaterThan(10)
  await client.models.rollback({ model_id })
  await client.reload()
  await ask()
  const after = await answersBy(app)
  expect(after.get('1.1.0')).toBe(split.get('1.1.0'))
  expect(after.get('1.0.0')).toBe(split.get('1.0.0')! + 60)
})
