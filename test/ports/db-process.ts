// A process that a test kills: it opens the embedded database of the folder in its first argument, says so, and then
// adds models one after another, printing the id of each once its transaction was acknowledged.
import { openDatabase } from '../../src/ports/db/open.ts'
import { addModel } from './db-backends.ts'

const [dataDir = '', prefix = ''] = process.argv.slice(2)
try {
  const db = await openDatabase({ url: undefined, dataDir, applicationName: 'test' })
  await db.migrate()
  process.stdout.write('open\n')
  for (let i = 0; ; i++) {
    const id = `${prefix}-${i}`
    await db.tenant('a', (tx) => addModel(tx, 'a', id))
    process.stdout.write(`${id}\n`)
  }
} catch (error) {
  process.stdout.write(`failed ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
