// The schema alone, for those who let only one job change it: tables, row-level security, and the tables of the queue.
import type { Config } from '../config.ts'
import { prepare, queuePreparation } from '../jobs/preparation.ts'
import { openDatabase } from '../ports/db/open.ts'

/** @returns where the database is, without credentials. */
export async function migrate({ databaseUrl, dataDir, serviceName }: Config): Promise<string> {
  const applicationName = `${serviceName}-migrate`
  const db = await openDatabase({ url: databaseUrl, dataDir, applicationName, preparation: queuePreparation })
  try {
    await db.migrate()
    await prepare(db)
    return db.status().url
  } finally {
    await db.close()
  }
}
