// A process of its own that makes a new database and ends. That takes 600 MB, some of which a service would have for the rest of its life.
import { connect } from './connect.ts'
import type { Prepare } from './open.ts'
import { startServer } from './start.ts'

const [dir, module] = process.argv.slice(2)

// Nobody waits for it any more: by the time it is done the folder may be gone, or somebody else's.
const giveUp = () => process.exit(1)
process.once('disconnect', giveUp)

const db = connect(startServer(dir!, undefined), { dir: dir! })
await db.migrate()
if (module) await ((await import(module)) as { readonly prepare: Prepare }).prepare(db)
await db.close()
process.off('disconnect', giveUp)
process.disconnect()
