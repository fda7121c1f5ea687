#!/usr/bin/env -S node --max-semi-space-size=8
// argv → command → exit code. The only file that ends the process. Everything is imported after the compile cache is on,
// which spares a second start the compiling of a thousand modules.
import { enableCompileCache } from 'node:module'
import { setFlagsFromString } from 'node:v8'

// The only WebAssembly here is the embedded database, and optimising one function of PostgreSQL takes 600 MB and seconds
// of a core, for statements a tenth faster: decision 044. Before the compile cache, which is kept apart by flags.
for (const flag of ['--no-wasm-tier-up', '--no-wasm-dynamic-tiering']) setFlagsFromString(flag)
// The size of young objects cannot be set from here, but by whoever starts the process: decision 047.
enableCompileCache()
const [{ createCliHost }, { runCli }] = await Promise.all([import('./app/cli-host.ts'), import('./cli/index.ts')])

const exitCode = await runCli(process.argv.slice(2), createCliHost())
// What was printed may still be on its way into a pipe.
process.stdout.write('', () => process.exit(exitCode))
