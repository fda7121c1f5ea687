// Roll-outs from a shell: the options that make a deployment one, and how it stands.
import type { Command } from 'commander'
import type { Deployment } from '../../contract/models.ts'
import type { ArmReport, RolloutReport } from '../../contract/rollouts.ts'
import type { Strategy } from '../../contract/strategy.ts'
import { fail } from '../../core/failure.ts'
import { withService } from '../command.ts'
import type { CliHost } from '../host.ts'
import { table } from '../terminal.ts'

export interface StrategyOptions {
  readonly canary?: string
  readonly shadow?: string | true
  readonly stickyBy?: string
  readonly bake?: string
  readonly autoPromote?: true
  readonly maxErrorRate?: string
  readonly maxLatencyRatio?: string
  readonly minQuality?: string
  readonly maxQualityDrop?: string
  readonly minRequests?: string
}

export function addStrategyOptions(command: Command): void {
  command
    .option('--canary <percent>', 'let it answer this share of the requests, beside the live version')
    .option('--shadow [percent]', 'run it on copies of this share of the requests; answers nobody')
    .option('--sticky-by <column>', 'input column whose value keeps a caller on one version')
    .option('--bake <seconds>', 'watch a canary for so long and roll it back when it breaks a limit; default: 600')
    .option('--auto-promote', 'make a canary live once it has baked')
    .option('--max-error-rate <share>', 'limit of a canary; default: 0.05')
    .option('--max-latency-ratio <factor>', 'limit of a canary; default: 2')
    .option('--min-quality <share>', 'limit of a canary; share of right answers, by feedback')
    .option('--max-quality-drop <share>', 'limit of a canary; default: 0, where the difference is significant')
    .option('--min-requests <count>', 'requests before a canary is judged; default: 20')
}

/** Undefined where the version goes live for all. */
export function strategyOf(options: StrategyOptions): Strategy | undefined {
  const { canary, shadow, stickyBy, autoPromote } = options
  if (canary !== undefined && shadow !== undefined) throw misused('--canary and --shadow exclude each other')
  const limits = given({
    max_error_rate: numberOf('--max-error-rate', options.maxErrorRate),
    max_latency_ratio: numberOf('--max-latency-ratio', options.maxLatencyRatio),
    min_quality: numberOf('--min-quality', options.minQuality),
    max_quality_drop: numberOf('--max-quality-drop', options.maxQualityDrop),
    min_requests: numberOf('--min-requests', options.minRequests),
  })
  const more = given({
    sticky_by: stickyBy,
    bake_seconds: numberOf('--bake', options.bake),
    auto_promote: autoPromote,
    limits: Object.keys(limits).length > 0 ? limits : undefined,
  })
  if (canary !== undefined) return { type: 'canary', ...given({ percent: numberOf('--canary', canary) }), ...more }
  if (shadow === undefined) {
    if (Object.keys(more).length > 0) throw misused('These options are for a roll-out; add --canary or --shadow')
    return undefined
  }
  return { type: 'shadow', ...given({ percent: shadow === true ? undefined : numberOf('--shadow', shadow) }), ...more }
}

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>
}

function numberOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw misused(`${option} must be a number, not "${text}"`)
  return value
}

function misused(message: string): Error {
  return fail('invalid', 'OPTION_INVALID', message)
}

/** What a deployment did, in a sentence. */
export function deploymentSentence(model: string, deployment: Deployment): string {
  const { version, environment, from_version, strategy, action } = deployment
  if (strategy.type === 'all') {
    return `${model} ${version} is live in "${environment}"${from_version ? `, in place of ${from_version}` : ''}`
  }
  if (action === 'rollback')
    return `${model} ${version} answers alone in "${environment}"; ${from_version} was rolled back`
  const share = `${strategy.percent} % of the requests`
  const does = strategy.type === 'canary' ? `answers ${share}` : `is run on copies of ${share}`
  return `${model} ${version} ${does} in "${environment}", beside ${from_version}`
}

export function addRolloutCommands(program: Command, host: CliHost): void {
  program
    .command('rollout')
    .description('look at canaries and shadows')
    .command('show')
    .description('how a roll-out stands: traffic, errors, latency, quality, and what follows')
    .argument('<model>')
    .option('--environment <name>', 'where; default: production')
    .action((model: string, { environment = 'production' }: { environment?: string }, command: Command) =>
      withService(host, command, async ({ client, terminal }) => {
        const report = await client.rollouts.get({ model_id: model, environment })
        terminal.result(report, () => shown(report))
      }),
    )
}

function shown(report: RolloutReport): string {
  const arms = [
    { arm: 'live', ...line(report.champion) },
    { arm: report.type, ...line(report.challenger) },
  ]
  const columns = ['arm', 'version', 'requests', 'errors', 'p50_ms', 'p95_ms', 'quality', 'outcomes']
  const { differences } = report
  const different = differences
    ? [
        `${differences.disagreements} of ${differences.rows} rows were answered differently; ` +
          `mean difference ${differences.mean_difference ?? '-'}, largest ${differences.max_difference ?? '-'}`,
      ]
    : []
  const sentences = report.comparisons.map(({ sentence }) => sentence)
  return [report.summary, '', table(arms, columns), ...[...sentences, ...different].flatMap((one) => ['', one])].join(
    '\n',
  )
}

function line({ version, requests, errors, latency_ms, quality }: ArmReport) {
  return {
    version,
    requests,
    errors,
    p50_ms: latency_ms?.p50 ?? null,
    p95_ms: latency_ms?.p95 ?? null,
    quality: quality?.value ?? null,
    outcomes: quality?.outcomes ?? null,
  }
}
