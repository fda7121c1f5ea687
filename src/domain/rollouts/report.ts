// The roll-out that is running in an environment, or the last one, with everything that is known of it.
import type { Input } from '../../contract/operations/index.ts'
import type {
  ArmReport,
  DifferenceReport,
  QualityReport,
  RolloutReplica,
  RolloutReport,
} from '../../contract/rollouts.ts'
import { fail } from '../../core/failure.ts'
import { quantile } from '../../ml/statistics/index.ts'
import type { Row, StoredDifference } from '../../ports/db/index.ts'
import { type Ctx, inTransaction } from '../ctx.ts'
import { getModelRow, latestRollout } from '../models/index.ts'
import { SIGN_OF_LIFE_MS } from '../serving/index.ts'
import { compareArms } from './compare.ts'
import { type ArmFigures, type ArmQuality, type Figures, readFigures } from './figures.ts'
import { percent, round } from './words.ts'

export function getRollout(ctx: Ctx, { model_id, environment }: Input<'rollouts.get'>): Promise<RolloutReport> {
  return inTransaction(ctx, async (ctx) => {
    const model = await getModelRow(ctx, model_id)
    const rollout = await latestRollout(ctx, model.id, environment)
    if (!rollout) {
      const message = `Nothing was ever rolled out beside the live version of "${model.name}" in "${environment}"`
      throw fail('not_found', 'ROLLOUT_NOT_FOUND', message)
    }
    return reportOf(rollout, await readFigures(ctx.db, rollout, model.type), ctx.clock.now())
  })
}

function reportOf(rollout: Row<'rollouts'>, figures: Figures, now: Date): RolloutReport {
  const { champion_version: champion, challenger_version: challenger } = rollout
  const arms = { champion: figures.champion, challenger: figures.challenger }
  // A shadow is run apart from the traffic, so only its answers can be compared.
  const comparisons = rollout.kind === 'shadow' ? [] : compareArms(arms, { champion, challenger })
  const iso = (at: Date | null) => at?.toISOString() ?? null
  return {
    id: rollout.id,
    model_id: rollout.model_id,
    environment: rollout.environment,
    type: rollout.kind,
    state: rollout.state,
    champion: armReport(champion, figures.champion),
    challenger: armReport(challenger, figures.challenger),
    strategy: rollout.strategy,
    stage: rollout.stage,
    started_at: rollout.started_at.toISOString(),
    stage_at: rollout.stage_at.toISOString(),
    ready_at: iso(rollout.ready_at),
    baked_at: iso(rollout.baked_at),
    ended_at: iso(rollout.ended_at),
    actor: rollout.actor,
    reason: rollout.reason,
    outcome: rollout.outcome,
    replicas: replicasOf(rollout, figures, now),
    comparisons,
    differences: rollout.kind === 'shadow' ? differenceReport(figures.difference) : null,
    summary: [standing(rollout, figures), ...comparisons.filter((c) => c.significant).map((c) => c.sentence)].join(
      '. ',
    ),
  }
}

function armReport(version: string, { requests, errors, latency, quality }: ArmFigures): ArmReport {
  const at = (q: number) => round(quantile(latency, q) ?? 0, 4)
  const answered = Object.keys(latency).length > 0
  return {
    version,
    requests,
    errors,
    error_rate: requests === 0 ? null : errors / requests,
    latency_ms: answered ? { p50: at(0.5), p95: at(0.95), p99: at(0.99) } : null,
    quality: quality ? qualityReport(quality) : null,
  }
}

function qualityReport(quality: ArmQuality): QualityReport {
  return quality.metric === 'accuracy'
    ? { metric: quality.metric, value: quality.hits / quality.of, outcomes: quality.of }
    : { metric: quality.metric, value: quality.mean, outcomes: quality.count }
}

/** Those that still write, or did when it ended. */
function replicasOf(rollout: Row<'rollouts'>, { replicas }: Figures, now: Date): RolloutReplica[] {
  const end = (rollout.ended_at ?? now).getTime()
  return replicas
    .filter((row) => row.updated_at.getTime() > end - 3 * SIGN_OF_LIFE_MS)
    .map((row) => ({
      replica: row.replica,
      ready: row.ready,
      ...(row.load_error && { error: row.load_error.message }),
      seen_at: row.updated_at.toISOString(),
    }))
}

function differenceReport({
  rows,
  disagreements,
  measured,
  sum,
  max,
  dropped,
  examples,
}: StoredDifference): DifferenceReport {
  return {
    rows,
    disagreements,
    disagreement_rate: rows === 0 ? null : disagreements / rows,
    mean_difference: measured === 0 ? null : sum / measured,
    max_difference: measured === 0 ? null : max,
    dropped,
    examples: [...examples],
  }
}

function standing(rollout: Row<'rollouts'>, { challenger, replicas }: Figures): string {
  const { challenger_version: version, champion_version, outcome, kind, strategy } = rollout
  if (rollout.state === 'promoted') return `${version} took the place of ${champion_version}: ${outcome}`
  if (rollout.state === 'rolled_back') return `${version} was rolled back: ${outcome}`
  if (rollout.state === 'superseded') return `${version} was given up: ${outcome}`
  const broken = replicas.find((row) => row.load_error)?.load_error
  if (broken) return `${version} does not load on every replica and takes no traffic there: ${broken.message}`
  if (rollout.ready_at === null && !replicas.some(({ ready }) => ready))
    return `${version} is being loaded and takes no traffic yet`
  const share = percent((strategy.percent ?? 0) / 100)
  if (kind === 'shadow') return `${version} is run on copies of ${share} of the requests; ${challenger.requests} so far`
  const answers = `${version} answers ${share} of the requests; ${challenger.requests} so far`
  if (rollout.baked_at !== null) return `${answers}. It has baked without breaking a limit`
  return strategy.bake_seconds === 0 ? answers : `${answers}. It is baking`
}
