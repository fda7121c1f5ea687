import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Command, Option } from 'commander'
import { BATCH_FORMATS, type BatchFormat, type BatchJob } from '../../contract/batch.ts'
import { fail } from '../../core/failure.ts'
import { type Session, withService } from '../command.ts'
import { openFile, refuseUnwritable, saveStream } from '../files.ts'
import type { CliHost } from '../host.ts'

interface BatchOptions {
  readonly dataset?: string
  readonly output?: string
  readonly format?: BatchFormat
  readonly jobId?: string
  readonly modelVersion?: string
}

const LOOK_EVERY_MS = 300

export function addBatchCommand(program: Command, host: CliHost): void {
  program
    .command('batch')
    .description('predict a whole file or dataset, and save the results')
    .argument('<model>')
    .argument('[file]', 'CSV, TSV, JSON lines or Parquet')
    .option('--dataset <id>', 'predict this dataset instead of a file')
    .option('--output <path>', 'where to save the results; default: standard output')
    .addOption(new Option('--format <format>', 'form of the results').choices(BATCH_FORMATS))
    .option('--job-id <id>', 'id of your own; a job that exists already is taken up where it is')
    .option('--model-version <version>', 'default: the version that is live')
    .action((model: string, file: string | undefined, options: BatchOptions, command: Command) =>
      withService(host, command, (session) => batch(session, { model, file, options })),
    )
}

interface Asked {
  readonly model: string
  readonly file: string | undefined
  readonly options: BatchOptions
}

async function batch(session: Session, { model, file, options }: Asked): Promise<void> {
  const { client, terminal } = session
  const { dataset, output, jobId, modelVersion, format = formatOf(output) } = options
  if ((file === undefined) === (dataset === undefined)) {
    throw fail('invalid', 'BATCH_INPUT_MISSING', 'Give a file, or a dataset with --dataset')
  }
  if (output !== undefined) await refuseUnwritable(output)
  const { id } = await client.batch_jobs.create({
    model_id: model,
    output_format: format,
    ...(file !== undefined && { file: await openFile(file), filename: basename(file) }),
    ...(dataset !== undefined && { dataset_id: dataset }),
    ...(jobId !== undefined && { job_id: jobId }),
    ...(modelVersion !== undefined && { version: modelVersion }),
  })
  const job = await follow(session, id)
  if (job.status !== 'succeeded') {
    const kind = job.status === 'cancelled' ? 'conflict' : 'invalid'
    throw fail(kind, 'BATCH_ENDED', `Batch job ${id} ${job.status}${job.error ? `: ${job.error}` : ''}`)
  }
  const results = async () => (await client.batch_jobs.results({ job_id: id, format })).stream
  if (output === undefined && !terminal.json) return await print(await results())
  if (output !== undefined) await saveStream(await results(), output)
  terminal.result(job, () => {
    const failed = job.failed_count > 0 ? `, ${job.failed_count} without a prediction` : ''
    return `${job.processed_count} rows predicted with ${model} ${job.version}${failed}: ${output}`
  })
}

function formatOf(output: string | undefined): BatchFormat {
  return BATCH_FORMATS.find((format) => output?.toLowerCase().endsWith(`.${format}`)) ?? 'jsonl'
}

async function follow({ client, terminal }: Session, id: string): Promise<BatchJob> {
  for (;;) {
    const job = await client.batch_jobs.get({ job_id: id })
    if (job.finished_at !== null) {
      terminal.endProgress()
      return job
    }
    const left = job.remaining_seconds === null ? '' : `, ${Math.ceil(job.remaining_seconds)} s left`
    const text = `${job.processed_count} of ${job.input_count} rows${left}`
    terminal.progress(job.progress, text, String(Math.floor(job.progress * 10)))
    await sleep(LOOK_EVERY_MS)
  }
}

async function print(stream: ReadableStream<Uint8Array>): Promise<void> {
  const source = Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0])
  await pipeline(source, process.stdout, { end: false })
}
