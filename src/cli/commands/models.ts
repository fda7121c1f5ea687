import type { Command } from 'commander'
import { withService } from '../command.ts'
import { evaluationText } from '../evaluation-text.ts'
import { versionExplanationText } from '../explanation-text.ts'
import { saveStream } from '../files.ts'
import type { CliHost } from '../host.ts'
import { addList } from '../listing.ts'
import { table } from '../terminal.ts'

export function addModelCommands(program: Command, host: CliHost): void {
  const models = program.command('models').description('look at models, their versions and their history')
  addList(models, host, {
    what: 'models',
    columns: ['name', 'type', 'target', 'latest_version', 'deployments', 'id'],
    page: (client, options) => client.models.list(options),
  })
  models
    .command('show')
    .description('a model with its versions')
    .argument('<model>')
    .action((model: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const found = await client.models.get({ model_id: model })
        const { items } = await client.versions.list({ model_id: model })
        terminal.result({ model: found, versions: items }, () => {
          const rows = items.map((v) => ({ ...v, metrics: shortMetrics(v.metrics) }))
          const head = `${found.name} (${found.type}), live: ${JSON.stringify(found.deployments)}`
          return `${head}\n\n${table(rows, ['version', 'status', 'algorithm', 'metrics', 'created_at'])}`
        })
      }),
    )
  models
    .command('history')
    .description('what was live when, and who did it')
    .argument('<model>')
    .action((model: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const page = await client.models.deployments({ model_id: model })
        const columns = ['created_at', 'environment', 'action', 'version', 'from_version', 'actor', 'reason']
        terminal.result(page, () => table(page.items, columns))
      }),
    )
  addVersionCommands(models, host)
}

function addVersionCommands(models: Command, host: CliHost): void {
  models
    .command('compare')
    .description('two versions side by side')
    .argument('<model>')
    .argument('<a>')
    .argument('<b>')
    .action((model: string, a: string, b: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const found = await client.versions.compare({ model_id: model, a, b })
        terminal.result(found, () => table(found.metrics, ['name', 'a', 'b', 'difference', 'better']))
      }),
    )
  models
    .command('evaluation')
    .description('how good a version is, and what to look at')
    .argument('<model>')
    .argument('<version>')
    .action((model: string, version: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const report = await client.versions.evaluation({ model_id: model, version })
        terminal.result(report, () => evaluationText(report))
      }),
    )
  models
    .command('explain')
    .description('what matters to a version as a whole')
    .argument('<model>')
    .argument('<version>')
    .action((model: string, version: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const found = await client.versions.explanation({ model_id: model, version })
        terminal.result(found, () => versionExplanationText(found))
      }),
    )
  models
    .command('trust')
    .description('vouch for an imported version, so that it runs among those trained here')
    .argument('<model>')
    .argument('<version>')
    .option('--revoke', 'take that back')
    .action((model: string, version: string, { revoke = false }: { revoke?: boolean }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const found = await client.versions.trust({ model_id: model, version, trusted: !revoke })
        const where = found.trusted ? 'runs among the models trained here' : 'runs in a process of its own'
        terminal.result(found, () => `${model} ${version} ${where}`)
      }),
    )
  models
    .command('download')
    .description('save the ONNX file of a version')
    .argument('<model>')
    .argument('<version>')
    .argument('<file>')
    .action((model: string, version: string, file: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const { stream, size } = await client.versions.artifact({ model_id: model, version })
        await saveStream(stream, file)
        terminal.result({ file, size }, () => `Saved ${file}${size === undefined ? '' : ` (${size} bytes)`}`)
      }),
    )
  models
    .command('delete')
    .description('delete a model with all its versions')
    .argument('<model>')
    .option('--force', 'even while it takes traffic')
    .action((model: string, { force = false }: { force?: boolean }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const deleted = await client.models.delete({ model_id: model, force })
        terminal.result(deleted, () => `${deleted.id} is deleted`)
      }),
    )
}

const MOST_TELLING = ['f1', 'f1_macro', 'accuracy', 'roc_auc', 'rmse', 'r2']

function shortMetrics(metrics: Readonly<Record<string, number>>): string {
  const shown = MOST_TELLING.filter((name) => metrics[name] !== undefined).slice(0, 3)
  return shown.map((name) => `${name} ${metrics[name]!.toFixed(4)}`).join(', ')
}
