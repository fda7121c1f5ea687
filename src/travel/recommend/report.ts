// What was measured when recommendations were trained, in the words of every version's evaluation, and what the gate goes by.
import type { RankingReport, Trial } from '../../contract/evaluation.ts'
import type { Trained } from '../../domain/training/index.ts'
import { CANDIDATES, type Candidate } from '../../ml/recommend/candidates.ts'
import type { Choice, Standing } from '../../ml/recommend/choose.ts'
import type { RankingMetrics } from '../../ml/recommend/evaluate.ts'
import type { ChampionFigure } from './champion.ts'

const K = 10
const TEST_FRACTION = 0.2
const METRIC = 'ndcg_at_10'
/** Figures of fewer say little. */
const FEW_USERS = 30

export interface Measured {
  readonly choice: Omit<Choice, 'recommender'>
  /** Of the live version; undefined where there is none. */
  readonly champion: ChampionFigure | undefined
  readonly seed: number
  readonly secondsOf: (candidate: Candidate) => number
}

export function reportOf(measured: Measured): Omit<Trained, 'path'> {
  const { choice, champion, seed } = measured
  const { winner, floor, rmse, splitMs, events } = choice
  const beaten = comparable(champion)
  return {
    algorithm: winner.method,
    hyperparameters: winner.settings,
    metrics: {
      [METRIC]: winner.metrics.ndcg,
      recall_at_10: winner.metrics.recall,
      coverage: winner.metrics.coverage,
      popularity_ndcg_at_10: floor.metrics.ndcg,
      evaluated_users: winner.metrics.users,
      ...(rmse !== undefined && { rating_rmse: rmse }),
    },
    gateMetric: { name: METRIC, value: winner.metrics.ndcg, greaterIsBetter: true },
    ...(champion && { champion: standOf(champion, splitMs) }),
    evaluation: {
      split: {
        method: splitMs === undefined ? 'random' : 'time',
        train_rows: events.before,
        test_rows: events.after,
        test_fraction: TEST_FRACTION,
        seed,
        dropped_rows: 0,
      },
      intervals: {},
      classification: null,
      regression: null,
      ranking: {
        k: K,
        users: winner.metrics.users,
        held_out_from: splitMs === undefined ? null : new Date(splitMs).toISOString(),
        figures: figuresOf(winner.metrics),
        popularity: figuresOf(floor.metrics),
        champion: beaten ? figuresOf(beaten) : null,
        rating_rmse: rmse ?? null,
      },
      folds: [],
      leaderboard: choice.standings.map((standing) => trialOf(standing, measured)),
      trials: [],
    },
    warnings: warningsOf(choice),
  }
}

function comparable(champion: ChampionFigure | undefined): RankingMetrics | undefined {
  return champion?.metrics && champion.metrics.users > 0 ? champion.metrics : undefined
}

/** A winner is at least as good as popularity, so where nothing new can tell the two apart, the newer one takes over. */
function standOf(champion: ChampionFigure, splitMs: number | undefined): NonNullable<Trained['champion']> {
  const { version } = champion
  const metrics = comparable(champion)
  if (champion.metrics === null) return { version, incomparable: 'it answers something else' }
  if (metrics) return { version, value: metrics.ndcg }
  const why =
    splitMs === undefined
      ? 'the moments of the interactions do not tell what it had seen'
      : `too little happened since ${version} was trained`
  return { version, incomparable: why, promote: true }
}

function figuresOf({ recall, ndcg, coverage }: RankingMetrics): RankingReport['figures'] {
  return { recall, ndcg, coverage }
}

function trialOf(standing: Standing, { choice, secondsOf }: Measured): Trial {
  const { method, settings, metrics } = standing
  return {
    kind: 'candidate',
    number: CANDIDATES.findIndex((candidate) => candidate.settings === settings),
    algorithm: method,
    hyperparameters: { ...settings },
    status: 'complete',
    metric: METRIC,
    value: metrics.ndcg,
    std_error: null,
    folds: [],
    rows: choice.events.before,
    seconds: secondsOf(standing),
    chosen: standing === choice.winner,
  }
}

function warningsOf({ winner, splitMs }: Measured['choice']): string[] {
  const warnings: string[] = []
  if (winner.metrics.users === 0) {
    warnings.push('Nobody did anything new later, so nothing could be measured: the figures say nothing')
  } else if (winner.metrics.users < FEW_USERS) {
    warnings.push(`Only ${winner.metrics.users} users did anything new later: the figures are hardly more than chance`)
  }
  if (splitMs === undefined) {
    warnings.push(
      'The moments of the interactions tell no order, so events were held out by chance: record when each happened',
    )
  }
  return warnings
}
