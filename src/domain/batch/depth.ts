// What an autoscaler looks at. Every process counts, also those that work on nothing: with no worker left somebody has to say that
// one is needed.
import type { Services } from '../ctx.ts'

/** Chunks that wait, and for how long: what an autoscaler looks at. */
export async function sampleBatchQueue({ db, metrics, clock }: Services): Promise<void> {
  const { waiting, active, oldest } = await db.system((tx) =>
    tx
      .selectFrom('batch_chunks as c')
      .innerJoin('batch_jobs as j', (on) => on.onRef('j.tenant_id', '=', 'c.tenant_id').onRef('j.id', '=', 'c.job_id'))
      .where('c.status', 'in', ['waiting', 'running'])
      .select((eb) => [
        eb.fn.countAll<number>().filterWhere('c.status', '=', 'waiting').as('waiting'),
        eb.fn.countAll<number>().filterWhere('c.status', '=', 'running').as('active'),
        eb.fn.min('j.created_at').filterWhere('c.status', '=', 'waiting').as('oldest'),
      ])
      .executeTakeFirstOrThrow(),
  )
  metrics.queueDepth.set({ queue: 'batch' }, Number(waiting))
  metrics.queueActive.set({ queue: 'batch' }, Number(active))
  const age = oldest ? (clock.now().getTime() - new Date(oldest).getTime()) / 1000 : 0
  metrics.queueAge.set({ queue: 'batch' }, Math.max(0, age))
}
