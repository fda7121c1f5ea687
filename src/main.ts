#!/usr/bin/env node
// argv → command → exit code. The only file that ends the process.
import { createCliHost } from './app/cli-host.ts'
import { runCli } from './cli/index.ts'

const exitCode = await runCli(process.argv.slice(2), createCliHost())
process.exit(exitCode)
