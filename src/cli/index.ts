// The command line: the same operations from a shell. `runCli` returns the exit code; only main.ts exits.
import { Command } from 'commander'
import { report } from './command.ts'
import { addBatchCommand } from './commands/batch.ts'
import { addBenchCommand } from './commands/bench.ts'
import { addDatasetCommands } from './commands/datasets.ts'
import { addDemoCommand } from './commands/demo.ts'
import { addDeployCommands } from './commands/deploy.ts'
import { addJobCommands } from './commands/jobs.ts'
import { addModelCommands } from './commands/models.ts'
import { addPredictCommand } from './commands/predict.ts'
import { addQuantizeCommand } from './commands/quantize.ts'
import { addRolloutCommands } from './commands/rollout.ts'
import { addScheduleCommands } from './commands/schedules.ts'
import { addServeCommands } from './commands/serve.ts'
import { addTrainCommand } from './commands/train.ts'
import { addTravelCommands } from './commands/travel.ts'
import { addWebhookCommands } from './commands/webhooks.ts'
import type { CliHost } from './host.ts'

export type { CliHost, Connection, Flags, HostCheck, Setting } from './host.ts'

export async function runCli(argv: readonly string[], host: CliHost): Promise<number> {
  try {
    await createProgram(host).parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    return report(error, argv.includes('--json'))
  }
}

/** The program without its run, so that the reference page can be written from it. */
export function createProgram(host: CliHost): Command {
  const program = new Command('modelyard')
    .description('Train, register, promote, serve and watch machine-learning models.')
    .version(host.version)
    .option('--json', 'print results as JSON')
    .option(
      '--url <url>',
      'the service to talk to; default: the one running on the data folder, else one started for the command',
    )
    .option('--tenant <id>', 'act as this tenant')
    .option('--data-dir <folder>', 'embedded database, artefacts, lock')
    .exitOverride()
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true })
    .showHelpAfterError('(add --help for the options)')
  addServeCommands(program, host)
  addTrainCommand(program, host)
  addDeployCommands(program, host)
  addRolloutCommands(program, host)
  addQuantizeCommand(program, host)
  addPredictCommand(program, host)
  addBatchCommand(program, host)
  addBenchCommand(program, host)
  addDatasetCommands(program, host)
  addModelCommands(program, host)
  addJobCommands(program, host)
  addScheduleCommands(program, host)
  addWebhookCommands(program, host)
  addTravelCommands(program, host)
  addDemoCommand(program, host)
  for (const group of program.commands) listByDefault(group)
  return program
}

/** `modelyard models` is `modelyard models list`. */
function listByDefault(group: Command): void {
  const list = group.commands.find((command) => command.name() === 'list')
  if (!list) return
  group.allowExcessArguments().action(async () => {
    const [unknown] = group.args
    if (unknown !== undefined) group.error(`error: unknown command '${unknown}'`, { code: 'commander.unknownCommand' })
    await list.parseAsync([], { from: 'user' })
  })
}
