#!/usr/bin/env node
// argv → command → exit code. The only file that ends the process.
import { createCliHost } from './app/cli-host.ts'
import { runCli } from './cli/index.ts'

const exitCode = await runCli(process.argv.slice(2), createCliHost())
// What was printed may still be on its way into a pipe.
process.stdout.write('', () => process.exit(exitCode))
