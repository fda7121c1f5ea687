// Send-time through the API: by the prior at first, by a model once interactions were recorded and learned from, and an answer
// whatever is not known or not right.
import { describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import type { Interaction } from '../../src/contract/features.ts'
import { seededRandom } from '../../src/core/random.ts'
import { USER } from '../../src/travel/entities.ts'
import { localClock } from '../../src/travel/notify/local-time.ts'
import { DATABASES } from '../helpers/app.ts'
import { untilEnded } from '../helpers/builders.ts'
import { refusal } from '../helpers/failing.ts'
import { aTenantEach, expectRefusedFor } from '../helpers/tenants.ts'
import { addModel } from '../runtime-models.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const now = () => new Date()
/** So many days ago at this hour, UTC. */
const ago = (days: number, hour: number) => {
  const midnight = Math.floor(now().getTime() / DAY) * DAY
  return new Date(midnight - days * DAY + hour * HOUR).toISOString()
}
const hourOf = (iso: string, zone = 'UTC') => localClock(zone).at(Date.parse(iso)).hour

/** Half of the users are there at 9, half at 19 (UTC), four days out of five; nobody is at 3. */
async function recordDays(client: MlClient, users = 60): Promise<void> {
  const random = seededRandom(2)
  const interactions = Array.from({ length: users }, (_, u) =>
    Array.from({ length: 12 }, (_, i): Interaction => {
      const usual = u % 2 ? 9 : 19
      const hour = random.next() < 0.8 ? usual : 8 + random.integer(14)
      return { user_id: `u${u}`, event: 'viewed', at: ago(40 - 3 * i, hour) }
    }),
  ).flat()
  await client.interactions.record({ interactions })
}

/** What was measured is kept with the version: the model beside the same answer for everybody. */
async function expectEvaluation(client: MlClient): Promise<void> {
  const version = { model_id: 'travel_notify', version: '1.0.0' }
  const { metrics } = await client.versions.get(version)
  const { send_time, split, gate } = await client.versions.evaluation(version)
  expect(split).toMatchObject({ method: 'time', test_rows: 60 })
  expect(send_time).toMatchObject({ users: 60, champion: null })
  const { figures, everybody, by_history } = send_time!
  expect(figures).toEqual({ top3_hour_hit: metrics.top3_hour_hit, log_loss: metrics.log_loss })
  expect(figures.top3_hour_hit).toBeGreaterThan(0.6)
  expect(figures.log_loss).toBeLessThan(everybody.log_loss)
  expect(by_history.reduce((sum, { users }) => sum + users, 0)).toBe(60)
  expect(gate).toMatchObject({ promote: true, metric: 'log_loss', value: metrics.log_loss })
}

const asked = { notification_type: 'reminder', urgency: 'low' } as const

describe.each([...DATABASES])('send-time on the %s database', (database) => {
  const { app, client, putUser: put } = aTenantEach('notify', database)

  it('answers for nobody in particular by what holds for all, outside of the night, with low confidence', async () => {
    const { send_at, confidence, reason, channel } = await client.notifications.optimize({ user_id: 'x', ...asked })
    expect(Date.parse(send_at)).toBeGreaterThan(now().getTime() - 60_000)
    expect(hourOf(send_at)).toBeGreaterThanOrEqual(8)
    expect(hourOf(send_at)).toBeLessThan(22)
    expect(confidence).toBeLessThan(0.1)
    expect(['push', 'email', 'sms']).toContain(channel)
    expect(reason).toMatch(
      /^Nothing is known of when this user is active; .* the time zone is not known, so UTC is assumed; /,
    )
  })

  it('keeps quiet hours and muted channels, and takes the time zone of the user', async () => {
    await client.features.declare(USER)
    const timezone = 'Australia/Adelaide'
    await put('ann', { timezone, quiet_from: 0, quiet_to: 23, muted_channels: ['push', 'SMS'] })
    for (const urgency of ['low', 'medium', 'high'] as const) {
      const reply = await client.notifications.optimize({ user_id: 'ann', notification_type: 'message', urgency })
      expect(hourOf(reply.send_at, timezone)).toBe(23)
      expect(reply.channel).toBe('email')
    }
    await put('ann', { muted_channels: ['push', 'sms', 'email'] })
    const { reason, confidence } = await client.notifications.optimize({ user_id: 'ann', ...asked })
    expect(reason).toContain('every channel is muted')
    expect(confidence).toBeLessThan(0.1)
  })

  it('sends at once what is urgent, and waits when too much was sent already', async () => {
    await client.features.declare(USER)
    await put('bob', { quiet_from: 5, quiet_to: 5, timezone: 'Europe/Rome' })
    const sent = [5, 4, 3, 2].map((hours): Interaction => {
      const at = new Date(now().getTime() - hours * HOUR).toISOString()
      return { user_id: 'bob', event: 'sent', channel: 'push', at }
    })
    await client.interactions.record({ interactions: sent })
    const urgent = await client.notifications.optimize({ user_id: 'bob', ...asked, urgency: 'high' })
    expect(Date.parse(urgent.send_at) - now().getTime()).toBeLessThan(10_000)
    expect(urgent.reason).toMatch(/^Urgent, so sent at once; /)
    const later = await client.notifications.optimize({ user_id: 'bob', ...asked, urgency: 'medium' })
    expect(Date.parse(later.send_at)).toBeGreaterThanOrEqual(Date.parse(sent[0]!.at!) + DAY)
    expect(later.reason).toContain('4 messages went out in the last 24 hours and 4 are the most, so this one waits')
  })

  it('knows with the next request what was just recorded', async () => {
    const reasonFor = async () => (await client.notifications.optimize({ user_id: 'eve', ...asked })).reason
    expect(await reasonFor()).toContain('Nothing is known')
    await client.interactions.record({ interactions: [{ user_id: 'eve', event: 'viewed', at: ago(1, 9) }] })
    expect(await reasonFor()).toContain('1 active hour is known')
  })

  it('gives the same request the same channel, and tries others in others', async () => {
    const channels = new Set<string>()
    for (let i = 0; i < 30; i++) {
      const requestId = `request-${i}`
      const one = await client.notifications.optimize({ user_id: 'x', ...asked }, { requestId })
      const again = await client.notifications.optimize({ user_id: 'x', ...asked }, { requestId })
      expect(again.channel).toBe(one.channel)
      channels.add(one.channel)
    }
    expect(channels.size).toBe(3)
  })

  it('learns from what was recorded: the user’s own hour for who has one, everybody’s for who is new', async () => {
    await recordDays(client)
    const training = await client.travel.train({ service: 'notify' })
    expect(training).toMatchObject({ service: 'notify', status: 'training', version: '1.0.0' })
    expect((await untilEnded(client, training.job_id)).message).toContain('1.0.0 is live in "production"')
    await client.reload()
    await expectEvaluation(client)
    const late = await client.notifications.optimize({ user_id: 'u0', ...asked })
    const early = await client.notifications.optimize({ user_id: 'u1', ...asked })
    expect([hourOf(late.send_at), hourOf(early.send_at)]).toEqual([19, 9])
    expect(early.reason).toMatch(/user is most active on \w+ 09:00-10:00 UTC: \d+ of their last \d+ active hours/)
    const nobody = await client.notifications.optimize({ user_id: 'new', ...asked })
    expect([9, 19]).toContain(hourOf(nobody.send_at))
    expect(nobody.confidence).toBeLessThan(early.confidence)
    expect(nobody.reason).toContain('users in general are most active on')
    await client.features.declare(USER)
    await put('alone', { segment: 'of nobody else' })
    const alone = await client.notifications.optimize({ user_id: 'alone', ...asked })
    expect(alone.reason).toContain('users in general are most active on')
    const metrics = (await app.inject({ url: '/metrics' })).body
    expect(metrics).toMatch(/ml_inference_requests_total\{[^}]*model="travel_notify",version="1\.0\.0"[^}]*\} 4/)
    // The same again is no better than what is live.
    const again = await client.travel.train({ service: 'notify' })
    const { message } = await untilEnded(client, again.job_id)
    expect(message).toMatch(/was not promoted: not better: log_loss [\d.]+ against [\d.]+ of 1\.0\.0/)
    expect((await client.models.get({ model_id: 'travel_notify' })).deployments).toEqual({ production: '1.0.0' })
    const { status, algorithm } = await client.versions.get({ model_id: 'travel_notify', version: '1.1.0' })
    expect({ status, algorithm }).toEqual({ status: 'rejected', algorithm: 'shrunken_weekly_rhythm' })
  })

  it('prefers the channel that the user opens', async () => {
    const opened = Array.from({ length: 40 }, (_, i): Interaction[] => {
      const at = ago(30, 0)
      const channel = i < 20 ? 'sms' : 'push'
      const sent = { user_id: 'cid', event: 'sent', channel, at }
      return i < 16 ? [sent, { ...sent, event: 'opened' }] : [sent]
    }).flat()
    await client.interactions.record({ interactions: opened })
    // The channel is drawn, so now and then it is another one: of these draws, the same in every run, nearly all are not.
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        client.notifications.optimize({ user_id: 'cid', ...asked }, { requestId: `draw-${i}` }),
      ),
    )
    const bySms = answers.filter(({ channel }) => channel === 'sms')
    expect(bySms.length).toBeGreaterThanOrEqual(27)
    for (const { reason } of bySms) expect(reason).toMatch(/; sms: 16 of 20 opened$/)
  })

  it('answers by the prior when what is live under the name is something else', async () => {
    const { id } = await client.models.create({ name: 'travel_notify', type: 'custom' })
    const { version } = await client.versions.import({ model_id: id, file: addModel(1) })
    await client.models.deploy({ model_id: id, version })
    const { confidence } = await client.notifications.optimize({ user_id: 'x', ...asked })
    expect(confidence).toBeLessThan(0.1)
  })

  it('says what it lacks when there is too little to learn from', async () => {
    expect(await refusal(client.travel.train({ service: 'notify' }))).toMatchObject({
      code: 'TRAVEL_TOO_LITTLE_RECORDED',
      message: 'There is too little to learn from: 0 of 20 users with 3 active hours or more',
    })
  })

  it.each([
    ['an urgency that is none', { urgency: 'now' }, 'urgency'],
    ['a type that is none', { notification_type: 'spam' }, 'notification_type'],
    ['no user', { user_id: '' }, 'user_id'],
  ])('refuses %s by the name of the field', async (_, wrong, field) => {
    await expectRefusedFor(field, client.notifications.optimize({ user_id: 'x', ...asked, ...(wrong as object) }))
  })

  it('answers with features of the wrong type and hours that cannot be', async () => {
    await client.features.declare({
      entity_type: 'user',
      features: [
        { name: 'timezone', dtype: 'strings' },
        { name: 'quiet_from', dtype: 'number' },
        { name: 'quiet_to', dtype: 'number' },
        { name: 'muted_channels', dtype: 'string' },
        { name: 'segment', dtype: 'number' },
      ],
    })
    const wrong = { timezone: ['x'], quiet_from: 99, quiet_to: -1.5, muted_channels: 'push', segment: 7 }
    await put('poisoned', wrong)
    const { send_at } = await client.notifications.optimize({ user_id: 'poisoned', ...asked })
    expect(hourOf(send_at)).toBeGreaterThanOrEqual(8)
  })
})
