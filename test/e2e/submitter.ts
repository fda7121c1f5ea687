// One batch job after the other, whatever fails meanwhile, and what must be true of them in the end.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { seededRandom } from '../../src/core/random.ts'
import { resultBytes, untilBatchEnds } from '../helpers/batch.ts'
import { type Service, until } from './processes.ts'

const BATCH_ROWS = 3000
export const BATCH_SETTINGS = { BATCH_CHUNK_ROWS: '500', BATCH_LEASE_SECONDS: '2' }
const ENDED_WITHIN_MS = 120_000

const file = (seed: number) => {
  const random = seededRandom(seed)
  const cells = Array.from({ length: BATCH_ROWS }, (_, i) => (i % 997 === 7 ? 'odd' : random.next().toFixed(4)))
  return `x\n${cells.join('\n')}\n`
}
const BATCH_FILES = [file(1), file(2), file(3)]

/** The results of every file while nothing fails. */
export async function undisturbed({ client }: Service): Promise<readonly Buffer[]> {
  const results: Buffer[] = []
  for (const [kind, text] of BATCH_FILES.entries()) {
    const job_id = `undisturbed-${kind}`
    await client.batch_jobs.create({ model_id: 'adder', file: text, job_id })
    expect(await untilBatchEnds(client, job_id)).toMatchObject({ status: 'succeeded', processed_count: BATCH_ROWS })
    results.push(await resultBytes(client, { job_id }))
  }
  return results
}

/** A submission that fails is repeated under its own id, until it is accepted. */
export function startSubmitter(api: () => Service): { stop(): Promise<readonly string[]> } {
  const accepted: string[] = []
  let stopping = false
  const loop = (async () => {
    while (!stopping) {
      const job_id = `job-${accepted.length}`
      const text = BATCH_FILES[accepted.length % BATCH_FILES.length]!
      const submitted = async () => (await api().client.batch_jobs.create({ model_id: 'adder', file: text, job_id })).id
      await until(submitted, { timeoutMs: ENDED_WITHIN_MS, what: `${job_id} to be accepted` })
      accepted.push(job_id)
      await sleep(150)
    }
  })()
  return {
    async stop() {
      stopping = true
      await loop
      return accepted
    },
  }
}

/** All have succeeded with the results of an undisturbed run, and there is no other job. */
export async function expectUndisturbed(
  { client }: Service,
  accepted: readonly string[],
  expected: readonly Buffer[],
): Promise<readonly string[]> {
  for (const [index, job_id] of accepted.entries()) {
    const job = await untilBatchEnds(client, job_id, ENDED_WITHIN_MS)
    expect(job).toMatchObject({ id: job_id, status: 'succeeded', processed_count: BATCH_ROWS })
    expect((await resultBytes(client, { job_id })).equals(expected[index % expected.length]!)).toBe(true)
  }
  const ids = await allJobs(client)
  expect(ids).toHaveLength(accepted.length + expected.length)
  return ids
}

async function allJobs(client: Service['client']): Promise<string[]> {
  const ids: string[] = []
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await client.batch_jobs.list({ limit: 500, ...(cursor && { cursor }) })
    ids.push(...page.items.map(({ id }) => id))
    cursor = page.next_cursor
  }
  return ids
}
