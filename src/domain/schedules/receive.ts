// Events from outside (`EventCallback`): they start the schedules that wait for them, or ask for a job themselves. They are not
// passed on to the bus: what is published there is what happened here.
import type { Input, Output } from '../../contract/operations/index.ts'
import { REQUEST_EVENTS } from '../../contract/schedules.ts'
import { newId } from '../../core/ids.ts'
import { own } from '../../core/own.ts'
import { inTransaction } from '../ctx.ts'
import { listenersOf, queueRuns } from '../listeners.ts'
import type { ServingCtx } from '../serving/index.ts'
import { checkRequest } from './policy.ts'
import { submit } from './start.ts'

export async function receiveEvent(
  ctx: ServingCtx,
  { event_type, payload }: Input<'events.receive'>,
): Promise<Output<'events.receive'>> {
  const operation = own<(typeof REQUEST_EVENTS)[keyof typeof REQUEST_EVENTS]>(REQUEST_EVENTS, event_type)
  const heard = { id: newId('evt'), type: event_type, data: payload }
  if (operation !== undefined) checkRequest(operation, payload, 'payload')
  const job = operation && { operation, job_id: await submit(ctx, operation, payload) }
  const runs = await inTransaction(ctx, async (ctx) => queueRuns(ctx, heard, await listenersOf(ctx, heard)))
  return { event_id: heard.id, runs: [...runs], job: job ?? null }
}
