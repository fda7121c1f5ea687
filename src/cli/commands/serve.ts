import type { Command } from 'commander'
import { AlreadySaid, flagsOf, type GlobalOptions, withService } from '../command.ts'
import type { CliHost, HostCheck } from '../host.ts'
import { createTerminal, table } from '../terminal.ts'

export function addServeCommands(program: Command, host: CliHost): void {
  const serve = program.command('serve').description('run the service until it is told to stop')
  addSettings(serve, host)
  serve.action(async (_options, command: Command) => run(host, command, 'service'))

  const worker = program.command('worker').description('work on queued jobs only; needs DATABASE_URL')
  addSettings(worker, host)
  worker.action(async (_options, command: Command) => run(host, command, 'worker'))

  const migrate = program.command('migrate').description('bring the schema of the database up to date, and end')
  addSettings(migrate, host)
  migrate.action(async (_options, command: Command) => {
    const options = command.optsWithGlobals<GlobalOptions>()
    const database = await host.migrate(flagsOf(host, options))
    createTerminal(options.json ?? false).result({ database }, () => `The schema of ${database} is up to date`)
  })

  const config = program.command('config').description('show the configuration in force; secrets are masked')
  addSettings(config, host)
  config.action((_options, command: Command) => {
    const options = command.optsWithGlobals<GlobalOptions>()
    const shown = host.config(flagsOf(host, options))
    const terminal = createTerminal(options.json ?? false)
    terminal.result(shown, () =>
      table(
        Object.entries(shown).map(([name, value]) => ({ name, value: String(value) })),
        ['name', 'value'],
      ),
    )
  })

  program
    .command('doctor')
    .description('check this machine, the configuration and the service, and say what to do')
    .action(async (_options, command: Command) => doctor(host, command))
}

/** Every setting as a flag: `--service-port 9000`, `--enable-nats`, `--no-run-worker`. */
function addSettings(command: Command, host: CliHost): void {
  for (const { key, description, kind } of host.settings) {
    if (key === 'dataDir') continue
    const name = key.replaceAll(/([A-Z])/g, (letter) => `-${letter.toLowerCase()}`)
    if (kind === 'value') command.option(`--${name} <value>`, description)
    else command.option(`--${name}`, description).option(`--no-${name}`, 'the opposite')
  }
}

async function run(host: CliHost, command: Command, role: 'service' | 'worker'): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const flags = flagsOf(host, options)
  await host.serve({
    flags,
    role,
    onReady: (url) => {
      process.stdout.write(role === 'service' ? `Modelyard listens on ${url}\n` : 'Modelyard is working on jobs\n')
    },
  })
}

async function doctor(host: CliHost, command: Command): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>()
  const checks = [...(await host.checks(flagsOf(host, options)))]
  if (checks.every(({ ok }) => ok)) checks.push(...(await serviceChecks(host, command)))
  const terminal = createTerminal(options.json ?? false)
  terminal.result(checks, () =>
    checks.map(({ name, ok, detail }) => `${ok ? 'ok ' : 'BAD'}  ${name.padEnd(12)} ${detail}`).join('\n'),
  )
  if (checks.some(({ ok }) => !ok)) throw new AlreadySaid(1)
}

async function serviceChecks(host: CliHost, command: Command): Promise<HostCheck[]> {
  const checks: HostCheck[] = []
  try {
    await withService(host, command, async ({ client, url }) => {
      const health = await client.health()
      const healthy = health.status === 'healthy'
      checks.push({
        name: 'service',
        ok: healthy,
        detail: `${url} is ${health.status}${health.error ? `: ${health.error}` : ''}`,
      })
      for (const { service_name, url, status, response_time_ms, error } of health.dependencies) {
        const detail = `${url}, ${response_time_ms.toFixed(1)} ms${error ? `: ${error}` : ''}`
        checks.push({ name: service_name, ok: status === 'healthy', detail })
      }
    })
  } catch (error) {
    checks.push({ name: 'service', ok: false, detail: (error as Error).message })
  }
  return checks
}
