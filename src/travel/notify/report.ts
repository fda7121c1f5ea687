// What was measured when send-time was trained, in the words of every version's evaluation, and what the gate goes by.
import type { SendTimeReport } from '../../contract/evaluation.ts'
import type { Trained } from '../../domain/training/index.ts'
import type { FittedRhythm, UserHours } from './fit.ts'
import { type Figures, figuresOf, type Judgement } from './judge.ts'

const METRIC = 'log_loss'
/** Active hours known before the one that is foretold. */
const HISTORIES = [
  { from: 2, to: 4 },
  { from: 5, to: 9 },
  { from: 10, to: 29 },
  { from: 30, to: Number.POSITIVE_INFINITY },
]

export interface Measured {
  readonly users: readonly UserHours[]
  /** Those whose last hour was foretold. */
  readonly held: readonly UserHours[]
  readonly fitted: FittedRhythm
  /** One a user of `held`. */
  readonly own: readonly Judgement[]
  readonly everybody: readonly Judgement[]
  /** No figures: it answers something else. */
  readonly champion: { readonly version: string; readonly figures: Figures | null } | undefined
  readonly seed: number
}

export function reportOf(measured: Measured): Omit<Trained, 'path'> {
  const { users, held, fitted, champion, seed } = measured
  const own = figuresOf(measured.own)
  const everybody = figuresOf(measured.everybody)
  const hours = users.reduce((sum, user) => sum + user.hours.length, 0)
  return {
    algorithm: 'shrunken_weekly_rhythm',
    hyperparameters: settingsOf(fitted),
    metrics: {
      ...own,
      everybody_log_loss: everybody.log_loss,
      everybody_top3_hour_hit: everybody.top3_hour_hit,
      evaluated_users: held.length,
    },
    gateMetric: { name: METRIC, value: own.log_loss, greaterIsBetter: false },
    ...(champion && { champion: standOf(champion) }),
    evaluation: {
      split: {
        method: 'time',
        train_rows: hours - held.length,
        test_rows: held.length,
        test_fraction: held.length / hours,
        seed,
        dropped_rows: 0,
      },
      intervals: {},
      classification: null,
      regression: null,
      send_time: {
        users: held.length,
        figures: own,
        everybody,
        champion: champion?.figures ?? null,
        by_history: byHistory(measured),
      },
      folds: [],
      leaderboard: [],
      trials: [],
    },
    warnings: warningsOf(own, everybody),
  }
}

function standOf({ version, figures }: NonNullable<Measured['champion']>): NonNullable<Trained['champion']> {
  return figures ? { version, value: figures.log_loss } : { version, incomparable: 'it answers something else' }
}

function byHistory({ held, own, everybody }: Measured): SendTimeReport['by_history'] {
  return HISTORIES.flatMap(({ from, to }) => {
    const places = [...held.keys()].filter((at) => {
      const known = held[at]!.hours.length - 1
      return known >= from && known <= to
    })
    if (places.length === 0) return []
    const hit = (judged: readonly Judgement[]) => figuresOf(places.map((at) => judged[at]!)).top3_hour_hit
    const hours = to === Number.POSITIVE_INFINITY ? `${from} or more` : `${from}-${to}`
    return [{ hours, users: places.length, top3_hour_hit: hit(own), everybody_top3_hour_hit: hit(everybody) }]
  })
}

function warningsOf(own: Figures, everybody: Figures): string[] {
  if (own.log_loss < everybody.log_loss) return []
  return ['What users did before foretells no better when they are active than the same answer for everybody does']
}

function settingsOf({ rhythm, segmentStrength }: FittedRhythm): Trained['hyperparameters'] {
  const { strength, halfLifeDays, bandwidth, weekday, segments } = rhythm
  return {
    strength,
    half_life_days: halfLifeDays,
    bandwidth_hours: bandwidth,
    weekday_share: weekday,
    segments: segments.size,
    segment_strength: segmentStrength,
  }
}
