import { basename } from 'node:path'
import { type Command, Option } from 'commander'
import { MODEL_TYPES, type ModelType } from '../../contract/models.ts'
import { fail } from '../../core/failure.ts'
import { type Session, withService } from '../command.ts'
import { openFile } from '../files.ts'
import { followJob } from '../follow-job.ts'
import type { CliHost } from '../host.ts'
import { table } from '../terminal.ts'
import { parseAssignments } from '../values.ts'

interface TrainOptions {
  readonly name?: string
  readonly target?: string
  readonly type?: ModelType
  readonly features?: readonly string[]
  readonly weightColumn?: string
  readonly algorithm?: string
  readonly set?: readonly string[]
  readonly metric?: string
  readonly testFraction?: string
  readonly seed?: string
  readonly timeColumn?: string
  readonly groupColumn?: string
  readonly tune?: string
  readonly tuneSeconds?: string
  readonly minImprovement?: string
  readonly requireSignificance?: string
  readonly environment?: string
  readonly promote: boolean
  readonly wait: boolean
  readonly modelVersion?: string
}

export function addTrainCommand(program: Command, host: CliHost): void {
  program
    .command('train')
    .description('train a model on a file (CSV, TSV, JSON lines, Parquet) or an uploaded dataset')
    .argument('<data>', 'a file, or the id of a dataset')
    .option('--name <model>', 'name of the model; default: the name of the file')
    .option('--target <column>', 'column to predict')
    .addOption(new Option('--type <type>', 'what to predict').choices(MODEL_TYPES))
    .option('--features <columns...>', 'columns to learn from; default: all but the target')
    .option('--weight-column <column>', 'how much each row counts in learning')
    .option('--algorithm <name>', 'learning algorithm; default: chosen for you')
    .option('--set <name=value...>', 'hyperparameters')
    .option('--metric <name>', 'metric of the promotion gate')
    .option('--test-fraction <share>', 'share of the rows that is held out')
    .option('--seed <number>', 'seed of everything random')
    .option('--time-column <column>', 'hold out the latest rows by this column')
    .option('--group-column <column>', 'keep rows of one value of this column on one side')
    .option('--tune <trials>', 'search better hyperparameters in so many trials')
    .option('--tune-seconds <seconds>', 'time for choosing and tuning')
    .option('--min-improvement <number>', 'promote only when better by more than this')
    .option('--require-significance <level>', 'promote only when better for sure, such as 0.95')
    .option('--environment <name>', 'environment to promote to')
    .option('--no-promote', 'keep the version without making it live')
    .option('--model-version <version>', 'number of the new version')
    .option('--no-wait', 'return as soon as the job is accepted')
    .action((data: string, options: TrainOptions, command: Command) =>
      withService(host, command, (session) => train(session, data, options)),
    )
}

async function train(session: Session, data: string, options: TrainOptions): Promise<void> {
  const { client, terminal } = session
  const dataset = await datasetOf(session, data, options)
  const target = options.target ?? dataset.target
  if (target === null) throw fail('invalid', 'TARGET_MISSING', 'Say which column to predict with --target')
  const accepted = await client.models.train({
    model_name: options.name ?? modelName(data),
    dataset_id: dataset.id,
    model_type: options.type ?? typeOf(dataset, target),
    target,
    ...(options.features && { features: [...options.features] }),
    ...(options.weightColumn !== undefined && { weight_column: options.weightColumn }),
    ...(options.algorithm !== undefined && { algorithm: options.algorithm }),
    ...(options.set && { hyperparameters: parseAssignments(options.set) }),
    ...(options.modelVersion !== undefined && { version: options.modelVersion }),
    evaluation: {
      ...(options.metric !== undefined && { metric: options.metric }),
      ...(options.testFraction !== undefined && { test_fraction: Number(options.testFraction) }),
      ...(options.seed !== undefined && { seed: Number(options.seed) }),
      ...(options.timeColumn !== undefined && { time_column: options.timeColumn }),
      ...(options.groupColumn !== undefined && { group_column: options.groupColumn }),
    },
    ...tuningOf(options),
    promotion: options.promote && {
      ...(options.environment !== undefined && { environment: options.environment }),
      ...(options.minImprovement !== undefined && { min_improvement: Number(options.minImprovement) }),
      ...(options.requireSignificance !== undefined && { require_significance: Number(options.requireSignificance) }),
    },
  })
  if (!options.wait) {
    terminal.result(accepted, () => `Job ${accepted.job_id} trains version ${accepted.version} of ${accepted.model_id}`)
    return
  }
  const job = await followJob(session, accepted.job_id)
  const version = await client.versions.get({ model_id: accepted.model_id, version: accepted.version })
  terminal.result({ job, version }, () => {
    const metrics = Object.entries(version.metrics).map(([metric, value]) => ({ metric, value }))
    return `${table(metrics, ['metric', 'value'])}\n\n${job.message}`
  })
}

function tuningOf({ tune, tuneSeconds }: TrainOptions) {
  if (tune === undefined && tuneSeconds === undefined) return {}
  return {
    tuning: {
      ...(tune !== undefined && { trials: Number(tune) }),
      ...(tuneSeconds !== undefined && { time_budget_seconds: Number(tuneSeconds) }),
    },
  }
}

interface Known {
  readonly id: string
  readonly target: string | null
  readonly columns: readonly { readonly name: string; readonly dtype: string; readonly distinct: number }[]
}

async function datasetOf({ client, terminal }: Session, data: string, options: TrainOptions): Promise<Known> {
  if (data.startsWith('dataset_')) return client.datasets.get({ dataset_id: data })
  const file = await openFile(data)
  terminal.say(`Uploading ${data} (${(file.size / 1e6).toFixed(1)} MB)`)
  const dataset = await client.datasets.create({
    file,
    filename: basename(data),
    ...(options.target !== undefined && { target: options.target }),
  })
  terminal.say(`Dataset ${dataset.id}: ${dataset.rows} rows, ${dataset.columns.length} columns`)
  return dataset
}

/** `data/titanic.csv.gz` → `titanic`, with what a model name may not hold replaced. */
function modelName(file: string): string {
  const stem = basename(file).replace(/(\.(csv|tsv|txt|json|jsonl|ndjson|parquet|gz))+$/i, '')
  return stem.replaceAll(/[^A-Za-z0-9_.-]+/g, '_').replace(/^[^A-Za-z0-9]+/, '') || 'model'
}

const MANY_CLASSES = 20

/** Numbers of many values are predicted as numbers, everything else as classes. */
function typeOf(dataset: Known, target: string): ModelType {
  const column = dataset.columns.find(({ name }) => name === target)
  const numeric = column?.dtype === 'number' || column?.dtype === 'integer'
  return column && numeric && column.distinct > MANY_CLASSES ? 'regression' : 'classification'
}
