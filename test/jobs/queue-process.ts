// A worker that a test kills: it takes jobs of the queue `training`, says so, and never finishes one.
import { silentLog } from '../../src/core/log.ts'
import { openQueue } from '../../src/jobs/queue.ts'
import { openDatabase } from '../../src/ports/db/open.ts'

const [dataDir = '', url] = process.argv.slice(2)
const db = await openDatabase({ url, dataDir, applicationName: 'test' })
await db.migrate()
const queue = openQueue({ db, log: silentLog })
await queue.start()
const take = async (job: { readonly id: string; readonly attempt: number }) => {
  process.stdout.write(`${job.id} ${job.attempt}\n`)
  await new Promise(() => {})
}
queue.work('training', take, { concurrency: 1, leaseSeconds: 2 })
