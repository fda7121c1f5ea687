// Batch jobs for tests: waiting for their end, and their results as values.
import type { MlClient } from '../../src/client.ts'
import type { BatchJob } from '../../src/contract/batch.ts'
import { until } from '../e2e/processes.ts'

export interface ResultLine {
  readonly row: number
  readonly prediction: unknown
  readonly confidence?: number
  readonly probabilities?: Readonly<Record<string, number>>
  readonly error?: string
}

export function untilBatchEnds(client: MlClient, job_id: string, timeoutMs = 60_000): Promise<BatchJob> {
  const ended = async () => {
    const job = await client.batch_jobs.get({ job_id })
    return job.status === 'queued' || job.status === 'running' ? undefined : job
  }
  return until(ended, { what: `the end of batch job ${job_id}`, everyMs: 20, timeoutMs })
}

type ResultsInput = Parameters<MlClient['batch_jobs']['results']>[0]

export async function resultBytes(client: MlClient, input: ResultsInput): Promise<Buffer> {
  const { stream } = await client.batch_jobs.results(input)
  const pieces: Uint8Array[] = []
  for await (const piece of stream as unknown as AsyncIterable<Uint8Array>) pieces.push(piece)
  return Buffer.concat(pieces)
}

export async function resultLines(client: MlClient, input: ResultsInput): Promise<ResultLine[]> {
  const text = (await resultBytes(client, { ...input, format: 'jsonl' })).toString('utf8')
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as ResultLine)
}
