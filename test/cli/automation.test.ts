// Schedules and webhooks from a shell.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startApp, type TestApp } from '../helpers/app.ts'
import { cli } from '../helpers/cli.ts'
import { withoutSettings } from '../helpers/settings.ts'

withoutSettings()

describe('the command line', () => {
  let app: TestApp
  let url = ''
  beforeAll(async () => {
    app = await startApp({ config: { webhookAllowPrivate: true } })
    url = await app.app.listen({ port: 0 })
  })
  afterAll(() => app.stop())

  const run = async (...argv: string[]) => {
    const said = await cli('--url', url, ...argv)
    expect({ code: said.code, err: said.err }).toEqual({ code: 0, err: '' })
    return said.out
  }

  it('makes a schedule, lists, pauses, resumes and deletes it', async () => {
    const made = await run(
      ...['schedules', 'create', 'every night', 'train', 'model_name=churn', 'model_type=classification'],
      ...['--dataset', 'customers', '--cron', '0 3 * * *', '--time-zone', 'Europe/Berlin'],
    )
    const [, id] = /^(sched_\w+) runs next at \S+Z\n$/.exec(made)!
    expect(await run('schedules', 'list')).toMatch(/every night +models\.train +0 3 \* \* \* +- +true +\d{4}-/)
    expect(await run('schedules', 'pause', id!)).toBe(`${id} is paused\n`)
    expect(await run('schedules', 'show', id!)).toMatch(/input +\{.*"model_name":"churn".*\}[\s\S]*active +false/)
    expect(await run('schedules', 'resume', id!)).toContain('runs next at')
    expect(await run('schedules', 'run', id!)).toMatch(/^run_\w+ is waiting\n$/)
    const runs = await run('schedules', 'runs', id!)
    expect(runs).toMatch(/run_\w+ +\d{4}-\S+ +(waiting|failed)/)
    expect(await run('schedules', 'runs', id!, '--status', 'started')).toBe('(none)\n')
    expect(await run('schedules', 'delete', id!)).toBe(`${id} is deleted\n`)
    expect(await run('schedules', 'list')).toBe('(none)\n')
  })

  it('makes a schedule that waits for an event', async () => {
    const made = await run(
      ...['schedules', 'create', 'fresh data', 'batch', '{"model_id": "churn"}', '--paused'],
      ...['--event', 'warehouse.loaded', '--match', 'table=customers', '--take', 'dataset_id'],
    )
    const [, id] = /^(sched_\w+) is paused\n$/.exec(made)!
    expect(await app.client.schedules.get({ schedule_id: id! })).toMatchObject({
      operation: 'batch_jobs.create',
      input: { model_id: 'churn' },
      event: { type: 'warehouse.loaded', match: { table: 'customers' }, take: ['dataset_id'] },
      active: false,
    })
    const said = await cli('--url', url, 'schedules', 'create', 'x', 'train', 'a=1', '--take', 'b')
    expect(said).toMatchObject({ code: 2, err: '--match and --take are about an event; add --event\n' })
  })

  it('makes a webhook, lists, pauses, resumes, replays and deletes it', async () => {
    const made = await run('webhooks', 'create', 'http://127.0.0.1:9/events', '--events', 'ml.batch.completed')
    const [, id] = /^(hook_\w+) sends to \S+\nSecret: whsec_\S+\n$/.exec(made)!
    expect(await run('webhooks', 'list')).toMatch(/http:\/\/127\.0\.0\.1:9\/events +ml\.batch\.completed +true +-/)
    expect(await run('webhooks', 'pause', id!)).toBe(`${id} is paused\n`)
    expect(await run('webhooks', 'resume', id!)).toBe(`${id} is sent new events\n`)
    expect(await run('webhooks', 'show', id!)).not.toContain('whsec_')
    expect(await run('webhooks', 'deliveries', id!, '--status', 'dead')).toBe('(none)\n')
    expect(await run('webhooks', 'replay', id!)).toBe('0 will be sent again\n')
    expect(await run('webhooks', 'delete', id!)).toBe(`${id} is deleted\n`)
    const said = await cli('--url', url, 'webhooks', 'show', id!)
    expect(said.code).toBe(2)
  })
})
