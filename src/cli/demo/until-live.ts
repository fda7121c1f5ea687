import type { Session } from '../command.ts'
import { followJob } from '../follow-job.ts'

/** Follows a training to its end. What it made live reaches the service a moment later, so that is asked for. */
export async function untilLive(session: Session, jobId: string) {
  const job = await followJob(session, jobId)
  await session.client.reload()
  return job
}
