// A process that makes the embedded database in the folder of its first argument without a template, because nobody has prepared one
// as its second argument says; the most memory that it had goes to standard output, in megabytes.
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { queuePreparation } from '../../src/jobs/preparation.ts'
import { templatePath } from '../../src/ports/db/embedded/template.ts'
import { openDatabase } from '../../src/ports/db/open.ts'

const [dataDir = '', key = ''] = process.argv.slice(2)
const preparation = { ...queuePreparation, key }
const db = await openDatabase({ url: undefined, dataDir, applicationName: 'test', preparation })
await db.ping()
await db.close()
await rm(await templatePath(key), { recursive: true, force: true })
// What `resourceUsage` says of the most memory includes that of the process it was forked from.
const [, peakKb] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))!
process.stdout.write(String(Math.round((Number(peakKb) * 1024) / 1e6)))
