// Run once after an installation (`node src/app/prepare.ts`): makes the migrated template that new embedded databases are
// copied from, so that the very first start is as quick as the later ones.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { queuePreparation } from '../jobs/preparation.ts'
import { openDatabase } from '../ports/db/open.ts'

const dataDir = await mkdtemp(join(tmpdir(), 'modelyard-prepare-'))
try {
  const applicationName = 'modelyard-prepare'
  const db = await openDatabase({ url: undefined, dataDir, applicationName, preparation: queuePreparation })
  await db.ping()
  await db.close()
} finally {
  await rm(dataDir, { recursive: true, force: true })
}
