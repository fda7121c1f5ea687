// Writes docs/reference (or the folder given) from the sources; with --check only compares and exits 1 on drift.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { cliPage } from './reference/cli.ts'
import { configurationPage } from './reference/configuration.ts'
import { errorsPage } from './reference/errors.ts'
import { eventsPage } from './reference/events.ts'
import { measurementPages } from './reference/measurements.ts'
import { metricsPage } from './reference/metrics.ts'
import { operationsPage } from './reference/operations.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true })
const folder = positionals[0] ?? join(root, 'docs/reference')
const pages: Readonly<Record<string, string>> = {
  'cli.md': cliPage(),
  'configuration.md': configurationPage(),
  'errors.md': await errorsPage(root),
  'events.md': await eventsPage(root),
  ...(await measurementPages(root)),
  'metrics.md': metricsPage(),
  'operations.md': operationsPage(),
}

await mkdir(folder, { recursive: true })
for (const [name, text] of Object.entries(pages)) {
  const target = join(folder, name)
  if (!values.check) {
    await writeFile(target, text)
  } else if ((await readFile(target, 'utf8').catch(() => '')) !== text) {
    console.error(`docs/reference/${name} does not match the sources. Run: npm run reference`)
    process.exitCode = 1
  }
}
