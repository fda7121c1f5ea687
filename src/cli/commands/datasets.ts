import { basename } from 'node:path'
import type { Command } from 'commander'
import type { DataContract, Dataset } from '../../contract/datasets.ts'
import { fail } from '../../core/failure.ts'
import { AlreadySaid, withService } from '../command.ts'
import { openFile, readText } from '../files.ts'
import type { CliHost } from '../host.ts'
import { addList } from '../listing.ts'
import { table } from '../terminal.ts'

interface UploadOptions {
  readonly name?: string
  readonly target?: string
  readonly contract?: string
}

export function addDatasetCommands(program: Command, host: CliHost): void {
  const datasets = program.command('datasets').description('upload, look at and check tables')
  datasets
    .command('upload')
    .description('upload a CSV, TSV, JSON lines or Parquet file')
    .argument('<file>')
    .option('--name <name>', 'default: the name of the file')
    .option('--target <column>', 'column to be predicted')
    .option('--contract <file>', 'JSON file of the contract that the data must keep')
    .action((file: string, options: UploadOptions, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const { name, target, contract } = options
        const dataset = await client.datasets.create({
          file: await openFile(file),
          filename: basename(file),
          ...(name !== undefined && { name }),
          ...(target !== undefined && { target }),
          ...(contract !== undefined && { contract: await readContract(contract) }),
        })
        terminal.result(dataset, () => profile(dataset))
      }),
    )
  addList(datasets, host, {
    what: 'datasets',
    columns: ['id', 'name', 'rows', 'target', 'size_bytes', 'created_at'],
    page: (client, options) => client.datasets.list(options),
  })
  datasets
    .command('show')
    .description('profile of a dataset')
    .argument('<id>')
    .action((id: string, _options: unknown, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const dataset = await client.datasets.get({ dataset_id: id })
        terminal.result(dataset, () => profile(dataset))
      }),
    )
  addDatasetChecks(datasets, host)
}

function addDatasetChecks(datasets: Command, host: CliHost): void {
  datasets
    .command('rows')
    .description('the first rows of a dataset')
    .argument('<id>')
    .option('--limit <number>', 'how many', '10')
    .action((id: string, { limit }: { limit: string }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const { rows } = await client.datasets.rows({ dataset_id: id, limit: Number(limit) })
        terminal.result(rows, () => table(rows, Object.keys(rows[0] ?? {})))
      }),
    )
  datasets
    .command('validate')
    .description('hold a dataset against a contract')
    .argument('<id>')
    .requiredOption('--contract <file>', 'JSON file of the contract')
    .action((id: string, { contract }: { contract: string }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const report = await client.datasets.validate({ dataset_id: id, contract: await readContract(contract) })
        terminal.result(report, () =>
          report.valid
            ? 'The dataset keeps the contract'
            : `The dataset breaks the contract:\n\n${table(report.findings, ['row', 'column', 'rule', 'value'])}`,
        )
        if (!report.valid) throw new AlreadySaid(2)
      }),
    )
  datasets
    .command('delete')
    .description('delete a dataset')
    .argument('<id>')
    .option('--force', 'even if a version was made from it')
    .action((id: string, { force = false }: { force?: boolean }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const deleted = await client.datasets.delete({ dataset_id: id, force })
        terminal.result(deleted, () => `${deleted.id} is deleted`)
      }),
    )
}

function profile(dataset: Dataset): string {
  const columns = dataset.columns.map(({ top, ...column }) => ({ ...column, most_frequent: top[0]?.value ?? null }))
  const shown = ['name', 'dtype', 'nulls', 'distinct', 'min', 'max', 'mean', 'most_frequent']
  return `${dataset.id}  ${dataset.name}: ${dataset.rows} rows, target ${dataset.target ?? '-'}\n\n${table(columns, shown)}`
}

async function readContract(path: string): Promise<DataContract> {
  const text = await readText(path)
  try {
    return JSON.parse(text) as DataContract
  } catch (cause) {
    throw fail('invalid', 'FILE_UNREADABLE', `${path} is not JSON: ${(cause as Error).message}`, { cause })
  }
}
