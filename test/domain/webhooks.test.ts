// Webhooks end to end: events of real changes, sent over HTTP to a receiver that accepts, refuses, stalls, redirects or is gone.
import { createHmac } from 'node:crypto'
import { sql } from 'kysely'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { MlClient } from '../../src/client.ts'
import type { WebhookDelivery } from '../../src/contract/webhooks.ts'
import { claimDeliveries } from '../../src/domain/webhooks/deliver.ts'
import { type DeliveryOptions, type DeliveryWorker, startDeliveries } from '../../src/domain/webhooks/index.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { refusal } from '../helpers/failing.ts'
import { type Receiver, startReceiver } from '../helpers/receiver.ts'

const NOW = { pauses: [0, 0] }

describe.each([...DATABASES])('webhooks on the %s database', (database) => {
  let app: TestApp
  let receiver: Receiver
  const workers: DeliveryWorker[] = []
  let tenant = 0
  let client: MlClient

  beforeAll(async () => {
    app = await startAppOn(database, { worker: false, config: { webhookAllowPrivate: true } })
  })
  afterAll(() => app.stop())
  beforeEach(async () => {
    receiver = await startReceiver()
    client = app.as(`t${++tenant}`)
  })
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.stop()))
    await app.app.services.db.system((tx) => sql`delete from webhooks`.execute(tx))
    await receiver[Symbol.asyncDispose]()
  })

  const work = (options: DeliveryOptions = NOW) => workers.push(startDeliveries(app.app.services, options))
  /** An event: a dataset was made. */
  const happen = (by = client) => by.datasets.create({ name: 'rows', rows: [{ a: 1 }, { a: 2 }] })
  const log = async (webhook_id: string) => (await client.webhooks.deliveries({ webhook_id })).items
  const untilLog = async (webhook_id: string, ready: (log: readonly WebhookDelivery[]) => boolean) => {
    await expect.poll(async () => ready(await log(webhook_id)), { timeout: 15_000, interval: 20 }).toBe(true)
    return log(webhook_id)
  }
  const all =
    (status: WebhookDelivery['status'], count = 1) =>
    (log: readonly WebhookDelivery[]) =>
      log.length === count && log.every((one) => one.status === status)
  const hurry = (change = sql`next_attempt_at = clock_timestamp()`) =>
    app.app.services.db.system((tx) => sql`update webhook_deliveries set ${change}`.execute(tx))

  it('send what happened, signed with the secret that was shown once', async () => {
    work()
    const { id, secret } = await client.webhooks.create({ url: receiver.url, events: ['ml.dataset.created'] })
    const dataset = await happen()
    const [delivery] = await untilLog(id, all('delivered'))
    expect(delivery).toMatchObject({ attempts: 1, last_status: 204, last_error: null, next_attempt_at: null })
    const { headers, body, path } = receiver.received[0]!
    expect(path).toBe('/hook')
    const event = new Webhook(secret!).verify(body, headers as Record<string, string>)
    expect(event).toMatchObject({ type: 'ml.dataset.created', subject: dataset.id, id: headers['webhook-id'] })
    // Once more as the text of Standard Webhooks has it, for the library above has signed it too.
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    const key = Buffer.from(secret!.slice('whsec_'.length), 'base64')
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
    expect(() => new Webhook(`${secret!.slice(0, -4)}AAAA`).verify(body, headers as Record<string, string>)).toThrow()
    const shown = JSON.stringify([
      await client.webhooks.get({ webhook_id: id }),
      await client.webhooks.list(),
      await client.webhooks.update({ webhook_id: id, description: 'x' }),
    ])
    expect(shown).not.toContain('whsec_')
  })

  it('wake those who send only where there is something to be sent', async () => {
    let woken = 0
    const unlisten = app.app.services.db.onWake('webhooks', () => woken++)
    await happen()
    expect(woken).toBe(0)
    const { id } = await client.webhooks.create({ url: receiver.url, events: ['ml.dataset.created'] })
    await happen()
    expect(woken).toBeGreaterThan(0)
    unlisten()
    await client.webhooks.delete({ webhook_id: id })
  })

  it('send nothing while they are stopped, and what waited afterwards', async () => {
    const { id: webhook_id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    await client.webhooks.update({ webhook_id, active: false })
    const { db } = app.app.services
    expect(await db.system((tx) => claimDeliveries(tx, [], 10))).toEqual([])
    await client.webhooks.update({ webhook_id, active: true })
    work()
    await untilLog(webhook_id, all('delivered'))
  })

  it('are signed with both secrets while one is replaced by the other, which is shown once', async () => {
    work()
    const { id, secret: first } = await client.webhooks.create({ url: receiver.url })
    const { secret: second, old_secrets_until } = await client.webhooks.rotate({ webhook_id: id })
    expect(second).toMatch(/^whsec_/)
    expect(second).not.toBe(first)
    const hours = (Date.parse(old_secrets_until!) - app.app.services.clock.now().getTime()) / 3_600_000
    expect(Math.round(hours)).toBe(24)
    await happen()
    await untilLog(id, all('delivered'))
    const { headers, body } = receiver.received[0]!
    const given = headers as Record<string, string>
    expect(given['webhook-signature']!.split(' ')).toHaveLength(2)
    for (const secret of [first!, second!]) expect(() => new Webhook(secret).verify(body, given)).not.toThrow()
    const shown = JSON.stringify([await client.webhooks.get({ webhook_id: id }), await client.webhooks.list()])
    expect(shown).not.toContain('whsec_')
    expect(await client.webhooks.get({ webhook_id: id })).toMatchObject({ old_secrets_until })
  })

  it('are signed with the new secret alone when the time of the old one is over, or was ended', async () => {
    work()
    const { id, secret: first } = await client.webhooks.create({ url: receiver.url })
    await client.webhooks.rotate({ webhook_id: id, overlap_hours: 1 })
    await app.app.services.db.system((tx) =>
      sql`update webhooks set old_secrets = jsonb_set(old_secrets, '{0,until}', '"2020-01-01T00:00:00.000Z"')`.execute(
        tx,
      ),
    )
    expect(await client.webhooks.get({ webhook_id: id })).toMatchObject({ old_secrets_until: null })
    await happen()
    await untilLog(id, all('delivered'))
    await client.webhooks.rotate({ webhook_id: id, overlap_hours: 24 })
    const last = await client.webhooks.rotate({ webhook_id: id, overlap_hours: 0 })
    expect(last.old_secrets_until).toBeNull()
    await happen()
    await untilLog(id, all('delivered', 2))
    for (const { headers, body } of receiver.received) {
      const given = headers as Record<string, string>
      expect(given['webhook-signature']).not.toContain(' ')
      expect(() => new Webhook(first!).verify(body, given)).toThrow()
    }
    const { headers, body } = receiver.received[1]!
    expect(() => new Webhook(last.secret!).verify(body, headers as Record<string, string>)).not.toThrow()
  })

  it('keep no replaced secret longer than the last one, and not many of them', async () => {
    const { id } = await client.webhooks.create({ url: receiver.url })
    await client.webhooks.rotate({ webhook_id: id, overlap_hours: 100 })
    const { old_secrets_until } = await client.webhooks.rotate({ webhook_id: id, overlap_hours: 1 })
    const { rows } = await app.app.services.db.system((tx) =>
      sql<{
        until: string
      }>`select old ->> 'until' as until from webhooks, jsonb_array_elements(old_secrets) old`.execute(tx),
    )
    expect(rows.map(({ until }) => until)).toEqual([old_secrets_until, old_secrets_until])
    for (let i = 0; i < 2; i++) await client.webhooks.rotate({ webhook_id: id })
    expect(await refusal(client.webhooks.rotate({ webhook_id: id }))).toMatchObject({
      kind: 'conflict',
      code: 'WEBHOOK_SECRETS_IN_USE',
    })
    expect(await client.webhooks.rotate({ webhook_id: id, overlap_hours: 0 })).toMatchObject({
      old_secrets_until: null,
    })
  })

  it('give one new secret to a request that is repeated under its key', async () => {
    const { id } = await client.webhooks.create({ url: receiver.url })
    const rotate = () => client.webhooks.rotate({ webhook_id: id }, { idempotencyKey: 'rotate-1' })
    expect(await rotate()).toEqual(await rotate())
  })

  it('send to those who asked for it: by type, while active, within the tenant', async () => {
    work()
    const everything = await client.webhooks.create({ url: receiver.url })
    const others = await client.webhooks.create({ url: `${receiver.url}/other`, events: ['ml.model.deployed'] })
    const resting = await client.webhooks.create({ url: `${receiver.url}/resting` })
    await client.webhooks.update({ webhook_id: resting.id, active: false })
    const stranger = await app.as('stranger').webhooks.create({ url: `${receiver.url}/stranger` })
    await happen()
    await untilLog(everything.id, all('delivered'))
    expect(await log(others.id)).toEqual([])
    expect(await log(resting.id)).toEqual([])
    expect((await app.as('stranger').webhooks.deliveries({ webhook_id: stranger.id })).items).toEqual([])
    expect(receiver.received.map(({ path }) => path)).toEqual(['/hook'])
    expect(await refusal(client.webhooks.deliveries({ webhook_id: stranger.id }))).toMatchObject({
      code: 'WEBHOOK_NOT_FOUND',
    })
  })

  it('try again what was refused, under the same id', async () => {
    work()
    let refusals = 2
    receiver.answer = (reply) => reply.writeHead(refusals-- > 0 ? 500 : 200).end()
    const { id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    const [delivery] = await untilLog(id, all('delivered'))
    expect(delivery).toMatchObject({ attempts: 3, last_status: 200 })
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    expect(receiver.received).toHaveLength(3)
  })

  it('wait between attempts', async () => {
    work({ pauses: [3600] })
    receiver.answer = (reply) => reply.writeHead(503).end()
    const { id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    const [delivery] = await untilLog(id, ([one]) => one?.last_status === 503)
    expect(delivery).toMatchObject({ status: 'waiting', attempts: 1, last_error: 'answered 503' })
    expect(Date.parse(delivery!.next_attempt_at!) - Date.parse(delivery!.created_at)).toBeGreaterThan(3_000_000)
    await hurry()
    await untilLog(id, all('dead'))
    expect(receiver.received).toHaveLength(2)
  })

  it('give up in the end, and send again when told to', async () => {
    work()
    receiver.answer = (reply) => reply.writeHead(400).end()
    const { id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    await happen()
    const dead = await untilLog(id, all('dead', 2))
    expect(dead.map(({ attempts }) => attempts)).toEqual([3, 3])
    expect(await log(id)).toEqual((await client.webhooks.deliveries({ webhook_id: id, status: 'dead' })).items)
    receiver.answer = (reply) => reply.writeHead(200).end()
    expect(await client.webhooks.replay({ webhook_id: id, delivery_id: dead[0]!.id })).toEqual({ count: 1 })
    await untilLog(id, ([one]) => one?.status === 'delivered')
    expect(await client.webhooks.replay({ webhook_id: id })).toEqual({ count: 1 })
    await untilLog(id, all('delivered', 2))
    const unknown = { webhook_id: id, delivery_id: 'dlv_01aaaaaaaaaaaaaaaaaaaaaaaa' }
    expect(await refusal(client.webhooks.replay(unknown))).toMatchObject({ code: 'WEBHOOK_DELIVERY_NOT_FOUND' })
  })

  it('are not held up by one that never answers', async () => {
    work({ pauses: [], timeoutMs: 800 })
    await using silent = await startReceiver()
    silent.answer = () => {}
    const slow = await client.webhooks.create({ url: silent.url })
    const quick = await client.webhooks.create({ url: receiver.url })
    for (let i = 0; i < 12; i++) await happen()
    await untilLog(quick.id, all('delivered', 12))
    expect((await log(slow.id)).filter(({ status }) => status === 'delivered')).toEqual([])
    const dead = await untilLog(slow.id, all('dead', 12))
    expect(dead[0]).toMatchObject({ last_status: null, last_error: 'no answer within 800 ms' })
  })

  it('take an answer that never ends for an answer', async () => {
    work()
    receiver.answer = (reply) => {
      reply.writeHead(200)
      reply.write('x'.repeat(1000))
    }
    const { id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    await untilLog(id, all('delivered'))
  })

  it('do not follow a redirection', async () => {
    work({ pauses: [] })
    await using inner = await startReceiver()
    receiver.answer = (reply) => reply.writeHead(307, { location: inner.url }).end()
    const { id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    expect(await untilLog(id, all('dead'))).toMatchObject([{ last_status: 307 }])
    expect(inner.received).toEqual([])
  })

  it('stop where the receiver says that it is gone', async () => {
    work()
    receiver.answer = (reply) => reply.writeHead(410).end()
    const { id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    await untilLog(id, all('dead'))
    expect(await client.webhooks.get({ webhook_id: id })).toMatchObject({ active: false })
    expect(receiver.received).toHaveLength(1)
  })

  it('cope with nobody there', async () => {
    work({ pauses: [] })
    const port = receiver.port
    await receiver[Symbol.asyncDispose]()
    receiver = await startReceiver()
    const { id } = await client.webhooks.create({ url: `http://127.0.0.1:${port}/` })
    await happen()
    expect((await untilLog(id, all('dead')))[0]?.last_error).toMatch(/ECONNREFUSED|no connection/)
  })

  it('send once each, however many replicas send', async () => {
    for (let i = 0; i < 3; i++) work()
    const { id } = await client.webhooks.create({ url: receiver.url })
    for (let i = 0; i < 20; i++) await happen()
    await untilLog(id, all('delivered', 20))
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(20)
    expect(receiver.received).toHaveLength(20)
  })

  it('send what a replica had taken when it died', async () => {
    const { id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    expect(await app.app.services.db.system((tx) => claimDeliveries(tx, [], 10))).toHaveLength(1)
    work()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(receiver.received).toEqual([])
    await hurry()
    expect(await untilLog(id, all('delivered'))).toMatchObject([{ attempts: 2 }])
  })

  it('give back what is on its way when the service stops', async () => {
    work()
    receiver.answer = () => {}
    const { id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    await expect.poll(() => receiver.received.length, { timeout: 10_000 }).toBe(1)
    await workers.pop()!.stop()
    expect(await log(id)).toMatchObject([{ status: 'waiting', attempts: 0 }])
  })

  it('are gone once deleted, with what was on its way', async () => {
    const { id } = await client.webhooks.create({ url: receiver.url })
    await happen()
    expect(await client.webhooks.delete({ webhook_id: id })).toEqual({ id })
    expect(await app.app.services.db.system((tx) => tx.selectFrom('webhook_deliveries').selectAll().execute())).toEqual(
      [],
    )
    expect(await refusal(client.webhooks.get({ webhook_id: id }))).toMatchObject({ code: 'WEBHOOK_NOT_FOUND' })
  })

  it('take an address with "@" behind its host, where it says nothing of who signs in', async () => {
    for (const path of ['/team/@ml', '?to=ml@example.org']) {
      const { url } = await client.webhooks.create({ url: receiver.url + path })
      expect(url).toBe(receiver.url + path)
    }
  })

  it.each([
    'ftp://example.org',
    'example.org',
    'http://user:word@example.org/',
    'http://user@example.org/@',
    'http://user\\@example.org/',
    'http://[::1/',
    'https://',
  ])('refuse %s', async (url) => {
    expect(await refusal(client.webhooks.create({ url }))).toMatchObject({
      kind: 'invalid',
      details: { errors: [{ field: 'url' }] },
    })
  })
})

describe('a webhook to a private address', () => {
  let app: TestApp
  let receiver: Receiver
  let worker: DeliveryWorker
  beforeAll(async () => {
    app = await startAppOn('embedded', { worker: false })
    receiver = await startReceiver()
    worker = startDeliveries(app.app.services, { pauses: [] })
  })
  afterAll(async () => {
    await worker.stop()
    await app.stop()
    await receiver[Symbol.asyncDispose]()
  })

  it.each(['127.0.0.1', '[::1]', '2130706433', '0x7f.1', '169.254.169.254', '[::ffff:10.0.0.1]'])(
    'is refused as %s when it is made or changed',
    async (host) => {
      const url = `http://${host}:${receiver.port}/`
      expect(await refusal(app.client.webhooks.create({ url }))).toMatchObject({ code: 'WEBHOOK_ADDRESS_FORBIDDEN' })
      const { id } = await app.client.webhooks.create({ url: 'https://example.org', events: ['ml.batch.failed'] })
      expect(await refusal(app.client.webhooks.update({ webhook_id: id, url }))).toMatchObject({
        code: 'WEBHOOK_ADDRESS_FORBIDDEN',
      })
    },
  )

  it('is refused when its name turns out to be one', async () => {
    const { client } = app
    const { id } = await client.webhooks.create({ url: `http://localhost:${receiver.port}/` })
    await client.datasets.create({ name: 'rows', rows: [{ a: 1 }, { a: 2 }] })
    const log = async () => (await client.webhooks.deliveries({ webhook_id: id })).items[0]
    await expect.poll(async () => (await log())?.status, { timeout: 10_000 }).toBe('dead')
    expect((await log())?.last_error).toContain('is not a public address')
    expect(receiver.received).toEqual([])
  })
})
