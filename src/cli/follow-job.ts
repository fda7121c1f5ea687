// Watching a training job to its end, with a progress bar.
import type { TrainingJob } from '../contract/training.ts'
import { fail } from '../core/failure.ts'
import type { Session } from './command.ts'

/** @returns the job once it has succeeded. @throws when it failed or was cancelled. */
export async function followJob(
  { client, terminal }: Pick<Session, 'client' | 'terminal'>,
  jobId: string,
): Promise<TrainingJob> {
  let job: TrainingJob | undefined
  for await (const { data } of client.training_jobs.events({ job_id: jobId })) {
    job = data as TrainingJob
    if (!isOver(job)) terminal.progress(job.progress, job.message, job.stage)
  }
  terminal.endProgress()
  // The stream may end early (the service was restarted); the job itself goes on.
  job = job && isOver(job) ? job : await client.training_jobs.get({ job_id: jobId })
  if (!isOver(job)) return followJob({ client, terminal }, jobId)
  if (job.status === 'succeeded') return job
  throw fail(
    job.status === 'cancelled' ? 'conflict' : 'invalid',
    'TRAINING_ENDED',
    `Training ${job.status}: ${job.error ?? job.message}`,
  )
}

function isOver({ status }: TrainingJob): boolean {
  return status === 'succeeded' || status === 'failed' || status === 'cancelled'
}
