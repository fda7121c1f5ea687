// The steps that most scenarios here begin with.
import type { TrainAccepted, TrainingJob } from '../../src/contract/training.ts'
import { flowers } from './flowers.ts'
import { type Service, until } from './processes.ts'

export const MODEL = 'iris'

type Caller = Pick<Service, 'client'>

export interface TrainOptions {
  readonly seed?: number
  readonly rows?: number
}

/** Uploads a table and submits a training that is promoted only when it is the first. */
export async function submit({ client }: Caller, { seed = 1, rows }: TrainOptions = {}): Promise<TrainAccepted> {
  const file = flowers(seed, rows)
  const dataset = await client.datasets.create({ file, filename: 'flowers.csv', target: 'species' })
  return client.models.train({
    model_name: MODEL,
    dataset_id: dataset.id,
    model_type: 'classification',
    algorithm: 'logistic_regression',
    promotion: { min_improvement: 2 },
  })
}

export function untilEnded({ client }: Caller, job_id: string, timeoutMs = 60_000): Promise<TrainingJob> {
  const ended = async () => {
    const job = await client.training_jobs.get({ job_id })
    return job.finished_at === null ? undefined : job
  }
  return until(ended, { timeoutMs, everyMs: 100, what: `the end of job ${job_id}` })
}

/** A model with that many versions; the first is live. */
export async function trainVersions(caller: Caller, count: number): Promise<void> {
  for (let seed = 1; seed <= count; seed++) {
    const { job_id } = await submit(caller, { seed })
    const job = await untilEnded(caller, job_id)
    if (job.status !== 'succeeded') throw new Error(`Job ${job_id} ${job.status}: ${job.error}`)
  }
}
