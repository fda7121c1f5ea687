// What happened reaches those who listen, over a real bus: the outbox of PostgreSQL, NATS JetStream, and a listener that is
// no part of the service.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MlEvent } from '../../src/contract/service.ts'
import { compileCheck } from '../../src/core/check.ts'
import { silentLog } from '../../src/core/log.ts'
import type { Bus } from '../../src/ports/bus/index.ts'
import { openBus } from '../../src/ports/bus/open.ts'
import { DATABASES, startAppOn, type TestApp } from '../helpers/app.ts'
import { aDataset, anAddingModel, train } from '../helpers/builders.ts'
import { servers } from '../servers/servers.ts'

const { nats } = await servers('nats')

const places = [
  ['embedded', 'in-process'],
  ...(nats && DATABASES.includes('postgres') ? [['postgres', 'nats'] as const] : []),
] as const

describe.each(places)('events of the %s database over the %s bus', (database, kind) => {
  let app: TestApp
  let bus: Bus
  const heard: { subject: string; event: MlEvent }[] = []
  const tenant = `events_${kind.replace('-', '_')}_${process.pid}`

  beforeAll(async () => {
    const config = kind === 'nats' ? { enableNats: true, natsUrl: nats!.url } : {}
    app = await startAppOn(database, { config })
    bus = kind === 'nats' ? await openBus({ url: nats!.url, name: 'listener', log: silentLog }) : app.app.services.bus
    await bus.subscribe(`ml.events.${tenant}`, async ({ subject, data }) => {
      heard.push({ subject, event: JSON.parse(new TextDecoder().decode(data)) as MlEvent })
    })
  })
  afterAll(async () => {
    await app.stop()
    if (kind === 'nats') await bus.close()
  })

  const typesOf = (subject: string) =>
    heard.filter(({ event }) => event.subject === subject).map(({ event }) => event.type)

  it('tell of a dataset that was made', async () => {
    const { id, sha256 } = await app
      .as(tenant)
      .datasets.create({ name: 'x', rows: [{ a: 1 }, { a: 2 }] }, { requestId: 'req-7' })
    await expect.poll(() => typesOf(id), { timeout: 10_000 }).toEqual(['ml.dataset.created'])
    const { event, subject } = heard.find(({ event }) => event.subject === id)!
    expect(subject).toBe(`ml.events.${tenant}`)
    expect(event).toMatchObject({
      specversion: '1.0',
      type: 'ml.dataset.created',
      source: 'modelyard',
      tenantid: tenant,
      requestid: 'req-7',
      data: { event_type: 'ml.dataset.created', tenant_id: tenant, dataset_id: id, rows: 2, sha256 },
    })
  })

  it('tell of everything that becomes of a model, in order', async () => {
    const client = app.as(tenant)
    const { model_id } = await anAddingModel(client, { version: '1.0.0' })
    await anAddingModel(client, { version: '1.1.0', amount: 2 })
    await client.models.rollback({ model_id })
    const expected = [
      'ml.model.trained',
      'ml.model.deployed',
      'ml.model.trained',
      'ml.model.archived',
      'ml.model.deployed',
      'ml.model.archived',
      'ml.model.rolled_back',
    ]
    await expect.poll(() => typesOf(model_id), { timeout: 10_000 }).toHaveLength(expected.length)
    expect(typesOf(model_id).toSorted()).toEqual(expected.toSorted())
    expect(typesOf(model_id)[0]).toBe('ml.model.trained')
    expect(typesOf(model_id).slice(-2).toSorted()).toEqual(['ml.model.archived', 'ml.model.rolled_back'])
  })

  it('tell of a training with the request that asked for it', async () => {
    const client = app.as(tenant)
    const { id } = await aDataset(client)
    const { job_id, model_id } = await train(client, { dataset_id: id })
    await expect
      .poll(() => typesOf(model_id), { timeout: 10_000 })
      .toEqual(['ml.model.trained', 'ml.model.promoted', 'ml.model.deployed'])
    const ofJob = heard.filter(({ event }) => event.data.job_id === job_id).map(({ event }) => event)
    expect(ofJob[0]?.type).toBe('ml.training.started')
    expect(ofJob.some(({ type }) => type === 'ml.training.completed')).toBe(true)
    expect(new Set(ofJob.map(({ requestid }) => requestid)).size).toBe(1)
  })

  it('are CloudEvents, each heard once', () => {
    const check = compileCheck(MlEvent)
    for (const { event } of heard) expect(check(event)).toEqual([])
    // No traces are kept here.
    for (const { event } of heard) expect(event).not.toHaveProperty('traceparent')
    expect(new Set(heard.map(({ event }) => event.id)).size).toBe(heard.length)
  })
})
