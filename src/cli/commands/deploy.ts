import { basename, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { MODEL_TYPES, type ModelType } from '../../contract/models.ts'
import { withService } from '../command.ts'
import { openFile } from '../files.ts'
import { isFolder, packFolder } from '../folder.ts'
import type { CliHost } from '../host.ts'
import { addStrategyOptions, deploymentSentence, type StrategyOptions, strategyOf } from './rollout.ts'

interface Place {
  readonly environment?: string
  readonly reason?: string
}

export function addDeployCommands(program: Command, host: CliHost): void {
  for (const [name, description] of [
    ['promote', 'make a version live in production'],
    ['deploy', 'make a version live in an environment, or let it take a share of the traffic'],
  ] as const) {
    const command = program.command(name).description(description).argument('<model>').argument('<version>')
    if (name === 'deploy') command.option('--environment <name>', 'where; default: production')
    command.option('--reason <text>', 'kept in the history')
    if (name === 'deploy') addStrategyOptions(command)
    command.action((model: string, version: string, options: Place & StrategyOptions, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const strategy = strategyOf(options)
        const { environment, reason } = options
        const deployment = await client.models.deploy({
          model_id: model,
          version,
          ...(environment !== undefined && { environment }),
          ...(reason !== undefined && { reason }),
          ...(strategy && { strategy }),
        })
        terminal.result(deployment, () => deploymentSentence(model, deployment))
      }),
    )
  }
  program
    .command('rollback')
    .description('end the roll-out that is running, else go back to the version that was live before')
    .argument('<model>')
    .option('--environment <name>', 'where; default: production')
    .option('--reason <text>', 'kept in the history')
    .action((model: string, options: Place, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const deployment = await client.models.rollback({ model_id: model, ...options })
        terminal.result(deployment, () => deploymentSentence(model, deployment))
      }),
    )
  program
    .command('import')
    .description('register an ONNX file that was trained elsewhere, or a model of MLflow')
    .argument('<model>', 'name of the model; made if there is none')
    .argument('<file>', 'the ONNX file, or the folder of a model of MLflow (also as .zip or .tar.gz)')
    .addOption(new Option('--type <type>', 'of a new model').choices(MODEL_TYPES).default('classification'))
    .option('--labels <names...>', 'class names, in the order of the scores')
    .option('--model-version <version>', 'number of the version')
    .option('--background <dataset>', 'dataset whose rows explanations compare with')
    .option('--trusted', 'you know where the file comes from: it need not run in a process of its own')
    .action((model: string, file: string, options: ImportOptions, command: Command) =>
      importFile(host, command, { model, file, options }),
    )
}

interface ImportOptions {
  readonly type: ModelType
  readonly labels?: string[]
  readonly modelVersion?: string
  readonly background?: string
  readonly trusted?: boolean
}

interface Import {
  readonly model: string
  readonly file: string
  readonly options: ImportOptions
}

function importFile(host: CliHost, command: Command, { model, file, options }: Import): Promise<void> {
  return withService(host, command, async ({ client, terminal }) => {
    const folder = await isFolder(file)
    const content = folder ? packFolder(file) : await openFile(file)
    const known = await client.models.get({ model_id: model }).catch(() => undefined)
    const { id } = known ?? (await client.models.create({ name: model, type: options.type }))
    const version = await client.versions.import({
      model_id: id,
      file: content,
      filename: folder ? `${basename(resolve(file))}.tar.gz` : basename(file),
      ...(options.labels && { labels: options.labels }),
      ...(options.modelVersion !== undefined && { version: options.modelVersion }),
      ...(options.background !== undefined && { dataset_id: options.background }),
      ...(options.trusted && { trusted: true }),
    })
    terminal.result(version, () => {
      const inputs = version.signature?.inputs.map(({ name, dtype }) => `${name}: ${dtype}`).join(', ')
      return `Version ${version.version} of ${model} takes ${inputs}\nMake it live: modelyard promote ${model} ${version.version}`
    })
  })
}
