// SIGTERM: who is being served gets an answer, the process ends by itself, and a training that was cut off begins again.
import { request } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { MlError } from '../../src/client.ts'
import { servers } from '../servers/servers.ts'
import { outboxOf } from './events.ts'
import { FLOWER, flowers } from './flowers.ts'
import { makePlace, type Place } from './place.ts'
import { type Program, type Service, startProgram, startService, until, untilHealthy } from './processes.ts'
import { MODEL, submit, trainVersions, untilEnded } from './steps.ts'

const { postgres } = await servers('postgres')
const STOP_LIMIT_MS = 10_000

const BACKENDS = [
  { name: 'the embedded database', missing: false, make: () => makePlace() },
  { name: 'PostgreSQL', missing: !postgres, make: () => makePlace({ postgres: postgres!.url }) },
]

describe.each(BACKENDS)('SIGTERM on $name', ({ missing, make }) => {
  it.skipIf(missing)('answers the requests under way and ends with 0', async () => {
    await using place = await make()
    await using service = await startService(place.settings)
    await untilHealthy(service)
    await trainVersions(service, 1)
    const upload = await halfAnUpload(service)
    const follow = service.client.training_jobs.events({ job_id: (await submit(service)).job_id })
    const followed = drain(follow)
    const failures: unknown[] = []
    const predicting = predictUntilGone(service, failures)
    await sleep(300)
    const ended = stop(service)
    await sleep(100)
    expect(await upload.finish()).toBe(201)
    expect(await ended).toEqual({ code: 0, signal: null })
    await followed
    expect(await predicting).toBeGreaterThan(0)
    expect(failures).toEqual([])
  })

  it.skipIf(missing)('runs a training again that was cut off, and does not count it', async () => {
    await using place = await make()
    await using service = await startService(place.settings)
    await untilHealthy(service)
    const { job_id } = await submit(service, { rows: 20_000 })
    for (let round = 0; round < 2; round++) await cutOff(place, round === 0 ? service : undefined)
    await using last = await startService(place.settings)
    expect((await untilEnded(last, job_id)).status).toBe('succeeded')
    await last.kill('SIGTERM')
    const started = (await outboxOf(place)).filter(({ event }) => event.type === 'ml.training.started')
    expect(started.map(({ event }) => event.data)).toMatchObject(new Array(3).fill({ job_id, attempt: 1 }))
  })
})

it('SIGTERM ends a worker that still waits for its database', async () => {
  await using place = await makePlace()
  await using worker = startProgram(['worker'], { ...place.settings, DATABASE_URL: 'postgres://127.0.0.1:1/none' })
  await worker.says(/the database is not ready/)
  expect(await stop(worker)).toEqual({ code: 0, signal: null })
  expect(worker.output()).not.toContain('is working on jobs')
})

/** Stops a service in the middle of the training. */
async function cutOff(place: Place, running: Service | undefined): Promise<void> {
  await using service = running ?? (await startService(place.settings))
  await until(() => service.trainings().length > 0, { everyMs: 5, what: 'the training to begin' })
  expect(await stop(service)).toEqual({ code: 0, signal: null })
}

async function stop(service: Program) {
  const late = setTimeout(() => void service.kill('SIGKILL'), STOP_LIMIT_MS)
  try {
    return await service.kill('SIGTERM')
  } finally {
    clearTimeout(late)
  }
}

/** Every answer must be a prediction until the service does not take requests any more. */
async function predictUntilGone({ client }: Service, failures: unknown[]): Promise<number> {
  for (let answered = 0; ; answered++) {
    try {
      await client.models.predict({ model_id: MODEL, input_data: FLOWER })
    } catch (error) {
      if (!(error instanceof MlError) || error.code !== 'SERVICE_UNREACHABLE') failures.push(error)
      return answered
    }
  }
}

async function drain(events: AsyncIterable<unknown>): Promise<void> {
  for await (const _event of events);
}

/** An upload whose first half has certainly arrived. `finish` sends the rest. @returns the status. */
async function halfAnUpload({ url }: Service): Promise<{ finish(): Promise<number> }> {
  const mark = 'a-boundary'
  const head = `--${mark}\r\ncontent-disposition: form-data; name="file"; filename="flowers.csv"\r\n\r\n`
  const body = Buffer.from(`${head}${flowers(3)}\r\n--${mark}--\r\n`)
  const half = body.length >> 1
  const sending = request(`${url}/api/v1/ml/datasets`, {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${mark}`, 'content-length': body.length },
  })
  const answered = new Promise<number>((resolve, reject) => {
    sending.once('error', reject).once('response', (reply) => {
      reply.resume()
      resolve(reply.statusCode!)
    })
  })
  answered.catch(() => {}) // awaited by `finish`
  await new Promise<void>((resolve) => sending.write(body.subarray(0, half), () => resolve()))
  return {
    finish() {
      sending.end(body.subarray(half))
      return answered
    },
  }
}
