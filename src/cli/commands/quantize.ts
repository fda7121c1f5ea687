import { type Command, Option } from 'commander'
import type { ModelVersion } from '../../contract/models.ts'
import { PRECISIONS, type Precision } from '../../contract/quantization.ts'
import { fail } from '../../core/failure.ts'
import { withService } from '../command.ts'
import type { CliHost } from '../host.ts'
import { table } from '../terminal.ts'

interface Options {
  readonly precision: Precision
  readonly as?: string
  readonly dataset?: string
  readonly environment?: string
  readonly metric?: string
  readonly maxLoss?: string
  readonly promote: boolean
}

/** Reading the rows of a large dataset takes minutes. */
const LIMIT_MS = 11 * 60_000

export function addQuantizeCommand(program: Command, host: CliHost): void {
  program
    .command('quantize')
    .description('make a smaller copy of a version, measure it, and let the gate decide on it')
    .argument('<model>')
    .argument('<version>')
    .addOption(new Option('--precision <name>', 'what weights become').choices(PRECISIONS).default('int8'))
    .option('--as <number>', 'number of the copy; default: the next')
    .option('--dataset <id>', 'measure on this dataset; default: the rows held out in training')
    .option('--environment <name>', 'where it may take over; default: production')
    .option('--metric <name>', 'metric to compare; default: that of the training')
    .option('--max-loss <amount>', 'takes over if its metric is worse by at most this; default: 0')
    .option('--no-promote', 'keep it, whatever its metric')
    .action((model: string, version: string, options: Options, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const input = { model_id: model, version, precision: options.precision, ...asked(options) }
        const copy = await client.versions.quantize(input, { timeoutMs: LIMIT_MS, retries: 0 })
        terminal.result(copy, () => shown(model, copy))
      }),
    )
}

function asked({ as, dataset, environment, metric, maxLoss, promote }: Options) {
  const max_loss = maxLoss === undefined ? undefined : Number(maxLoss)
  if (max_loss !== undefined && !(max_loss >= 0)) {
    throw fail('invalid', 'OPTION_INVALID', `--max-loss must be a number from 0, not "${maxLoss}"`)
  }
  const gate = {
    ...(environment !== undefined && { environment }),
    ...(metric !== undefined && { metric }),
    ...(max_loss !== undefined && { max_loss }),
  }
  return {
    ...(as !== undefined && { new_version: as }),
    ...(dataset !== undefined && { dataset_id: dataset }),
    promotion: promote ? gate : (false as const),
  }
}

function shown(model: string, { version, status, quantization }: ModelVersion): string {
  const { precision, weights, operators, gate, metric, size_bytes, latency_ms, differences, rows } = quantization!
  const nodes = Object.entries(operators).map(([name, count]) => `${name} ${count}`)
  const which = precision === 'int8' ? ` (${nodes.join(', ')})` : ''
  const head = `Version ${version} of ${model} has ${weights} ${precision.toUpperCase()} weights${which} and is ${status}`
  const lines = [
    { figure: 'size_bytes', ...size_bytes },
    ...latency_ms.map(({ rows, ...times }) => ({ figure: `ms for ${rows} ${rows === 1 ? 'row' : 'rows'}`, ...times })),
    ...(metric ? [{ figure: `${metric.name} on ${rows} rows`, before: metric.before, after: metric.after }] : []),
  ]
  const figures = lines.map((line) => ({ ...line, ratio: line.before === 0 ? null : line.after / line.before }))
  const far = differences && [
    `Answers differ by ${differences.mean} in the mean, by ${differences.largest} at most` +
      (differences.same_labels === null ? '' : `; ${(differences.same_labels * 100).toFixed(2)} % of the labels stay`),
  ]
  return [
    gate ? `${head}: ${gate.reason}` : head,
    '',
    table(figures, ['figure', 'before', 'after', 'ratio']),
    ...(far ? ['', ...far] : []),
  ].join('\n')
}
