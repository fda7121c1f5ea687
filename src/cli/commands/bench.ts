// A load generator for one model, with the options that users of perf_analyzer know: ranges of concurrency and batch sizes in,
// rates and percentiles out. It should run on another machine than the service; on the same one it takes its share of it.
import type { Command } from 'commander'
import { fail } from '../../core/failure.ts'
import { type Form, httpSender, type Sender } from '../bench/http.ts'
import { type DeclaredInput, makeInputs } from '../bench/inputs.ts'
import { applyLoad, type Measured } from '../bench/load.ts'
import { type GlobalOptions, type Session, withService } from '../command.ts'
import type { CliHost } from '../host.ts'
import { table } from '../terminal.ts'

interface BenchOptions {
  readonly concurrencyRange: string
  readonly batchSize: string
  readonly protocol: string
  readonly grpcAddress?: string
  readonly jsonTensors?: boolean
  readonly measurementInterval: string
  readonly warmUp: string
  readonly shape: readonly string[]
  readonly modelVersion?: string
  readonly seed: string
}

export function addBenchCommand(program: Command, host: CliHost): void {
  const collect = (value: string, list: readonly string[]) => [...list, value]
  program
    .command('bench')
    .description('measure how fast a model answers, over HTTP or gRPC, at each concurrency and batch size')
    .argument('<model>')
    .option(
      '--concurrency-range <start:end:step>',
      'requests under way at a time; "16", "1:16" (doubling) or "4:16:4"',
      '1:16',
    )
    .option('-b, --batch-size <rows>', 'rows a request; several as 1,8,32', '1')
    .option('-i, --protocol <http|grpc>', 'http or grpc', 'http')
    .option('--grpc-address <host:port>', 'where gRPC is spoken; needed with --protocol grpc')
    .option('--json-tensors', 'send tensors as JSON instead of raw bytes (HTTP)')
    .option('-p, --measurement-interval <ms>', 'time of each measurement', '2000')
    .option('--warm-up <ms>', 'time before each measurement', '500')
    .option('--shape <name:dims>', 'lengths of open axes after the first, such as text:1,128; repeatable', collect, [])
    .option('--model-version <version>', 'default: the version that is live')
    .option('--seed <number>', 'of the generated inputs', '1')
    .action((model: string, options: BenchOptions, command: Command) =>
      withService(host, command, (session) => bench(session, { model, options, command, host })),
    )
}

interface Asked {
  readonly model: string
  readonly options: BenchOptions
  readonly command: Command
  readonly host: CliHost
}

interface Line extends Measured {
  readonly batch: number
  readonly concurrency: number
  /** Rows a second. */
  readonly inferences: number
  readonly megabytes: number
}

async function bench(session: Session, asked: Asked): Promise<void> {
  const { terminal, url } = session
  const { options } = asked
  const batches = options.batchSize.split(',').map((text) => wholeNumber(text, '--batch-size'))
  const steps = concurrencies(options.concurrencyRange)
  const times = {
    warmUpMs: wholeNumber(options.warmUp, '--warm-up', 0),
    measureMs: wholeNumber(options.measurementInterval, '--measurement-interval'),
  }
  const lines: Line[] = []
  for (const batch of batches) {
    const sender = await senderOf(session, asked, batch)
    try {
      for (const concurrency of steps) {
        terminal.progress(
          lines.length / (batches.length * steps.length),
          `${concurrency} at a time, ${batch} rows each`,
          `${batch} ${concurrency}`,
        )
        const found = await applyLoad(sender.send, { concurrency, ...times })
        if (found.requests === 0)
          throw fail('unavailable', 'BENCH_REQUEST_FAILED', found.firstError ?? 'No request was answered in time')
        const megabytes = Number(((found.perSecond * sender.bytes) / 1e6).toPrecision(4))
        lines.push({ batch, concurrency, ...found, inferences: found.perSecond * batch, megabytes })
      }
    } finally {
      sender.close()
    }
  }
  const { protocol } = options
  terminal.result({ model: asked.model, url, protocol, measurements: lines }, () => shown(lines))
}

function shown(lines: readonly Line[]): string {
  const rows = lines.map(({ batch, concurrency, perSecond, inferences, megabytes, latency, errors }) => ({
    batch,
    concurrency,
    'requests/s': perSecond,
    'rows/s': inferences,
    'MB/s': megabytes,
    'p50 ms': latency.p50,
    'p90 ms': latency.p90,
    'p99 ms': latency.p99,
    'p99.9 ms': latency['p99.9'],
    errors,
  }))
  const text = table(rows, Object.keys(rows[0]!))
  const failed = lines.find(({ firstError }) => firstError !== undefined)
  return failed ? `${text}\nThe first error: ${failed.firstError}` : text
}

async function senderOf(
  { client, url }: Session,
  { model, options, command, host }: Asked,
  batch: number,
): Promise<Sender> {
  const { tenant } = command.optsWithGlobals<GlobalOptions>()
  const version = options.modelVersion
  const metadata = await metadataOf({ url, tenant, model, version })
  const { signature } = await client.versions
    .get({ model_id: model, version: version ?? metadata.version })
    .catch(() => ({ signature: null }))
  const inputs = makeInputs(metadata.inputs, {
    batch,
    shapes: shapesOf(options.shape),
    columns: signature?.inputs ?? [],
    seed: wholeNumber(options.seed, '--seed', 0),
  })
  if (options.protocol === 'http') {
    const form: Form = options.jsonTensors ? 'json' : 'binary'
    return httpSender({ url, tenant, model, version }, inputs, form)
  }
  if (options.protocol !== 'grpc') throw usage(`--protocol must be http or grpc, not "${options.protocol}"`)
  if (options.grpcAddress === undefined)
    throw usage('--grpc-address is needed with --protocol grpc, such as localhost:9000')
  return host.grpcSender({ address: options.grpcAddress, tenant, model, version }, inputs)
}

interface Metadata {
  readonly inputs: readonly DeclaredInput[]
  readonly version: string
}

async function metadataOf({
  url,
  tenant,
  model,
  version,
}: {
  url: string
  tenant?: string | undefined
  model: string
  version?: string | undefined
}): Promise<Metadata> {
  const place = `${url}/v2/models/${encodeURIComponent(model)}${version === undefined ? '' : `/versions/${version}`}`
  const ask = async (path: string): Promise<Record<string, unknown>> => {
    const reply = await fetch(place + path, { headers: tenant === undefined ? {} : { 'x-tenant-id': tenant } }).catch(
      (cause: Error) => {
        const why = cause.cause instanceof Error ? cause.cause.message : cause.message
        throw fail('unavailable', 'SERVICE_UNREACHABLE', `${url} cannot be reached: ${why}`, { cause })
      },
    )
    const text = await reply.text()
    if (reply.ok) return JSON.parse(text) as Record<string, unknown>
    const kind = reply.status === 404 ? 'not_found' : 'unavailable'
    throw fail(kind, 'BENCH_REQUEST_FAILED', errorIn(text) ?? `${reply.status}: ${text.slice(0, 300)}`)
  }
  const { inputs } = (await ask('')) as unknown as Metadata
  const { model_stats: stats } = (await ask('/stats')) as unknown as { model_stats: readonly { version: string }[] }
  return { inputs, version: stats[0]!.version }
}

/** Undefined where somebody else answered, such as a proxy on the way. */
function errorIn(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { readonly error?: string }).error
  } catch {
    return undefined
  }
}

/** `16`, `1:16` (doubling from 1 to 16) or `4:16:4`. */
export function concurrencies(range: string): number[] {
  const [start = 1, end = start, step] = range.split(':').map((text) => wholeNumber(text, '--concurrency-range'))
  if (end < start) throw usage(`--concurrency-range ${range} ends before it starts`)
  const list: number[] = []
  for (let at = start; at <= end; at = step === undefined ? at * 2 : at + step) list.push(at)
  if (list.at(-1) !== end) list.push(end)
  return list
}

function shapesOf(given: readonly string[]): Map<string, number[]> {
  return new Map(
    given.map((text) => {
      const at = text.lastIndexOf(':')
      if (at < 1) throw usage(`--shape ${text}: write name:length,length`)
      return [
        text.slice(0, at),
        text
          .slice(at + 1)
          .split(',')
          .map((dim) => wholeNumber(dim, '--shape')),
      ]
    }),
  )
}

function wholeNumber(text: string, option: string, least = 1): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= least && text.trim() !== '') return value
  throw usage(`${option} must be a whole number from ${least}, not "${text}"`)
}

function usage(message: string) {
  return fail('invalid', 'OPTION_INVALID', message)
}
