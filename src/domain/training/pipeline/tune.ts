// Which settings: trials by cross-validation on the training rows, the first with the settings as they are, the next at
// random, and from then on where the Parzen estimator sees most promise. A trial that is worse than most after a fold or two
// is given up (median stopping). What an interrupted attempt found out is taken over, trial by trial.
import type { Trial } from '../../../contract/evaluation.ts'
import { fail } from '../../../core/failure.ts'
import { seededRandom } from '../../../core/random.ts'
import {
  isHopeless,
  pointOf,
  type Space,
  settingsAt,
  spaceOf,
  suggest,
  type Tried,
  winner,
} from '../../../ml/tune/index.ts'
import { type Comparison, configurationKey, trialSentence } from './comparison.ts'
import { createJudge, type Judge } from './judge.ts'
import { comparisonFolds, someRows } from './sample.ts'
import type { Candidate, TuningSpec } from './spec.ts'

export interface Tuned {
  readonly candidate: Candidate
  /** In order; the chosen one is marked. */
  readonly trials: readonly Trial[]
  readonly warnings: readonly string[]
}

const MOST_ROWS = 20_000
const FEWEST_ROWS = 2000
const MANY_ROWS = 5000
/** What tuned settings must save, as a share of a whole: less is luck with these folds. */
const TOLERANCE = 0.0005

export async function tune(
  comparison: Comparison,
  start: Candidate,
  tuning: TuningSpec & { readonly budgetMs: number },
): Promise<Tuned> {
  const space = spaceOf(start.algorithm).filter(({ name }) => !tuning.fixed.includes(name))
  if (space.length === 0) {
    return {
      candidate: start,
      trials: [],
      warnings: [`There is nothing to tune: every setting of ${start.algorithm} that a tuning searches was given`],
    }
  }
  const deadlineMs = comparison.clock.elapsedMs() + tuning.budgetMs
  const opened = await openSearch({ comparison, start, space, tuning, deadlineMs })
  if (!opened) {
    return { candidate: start, trials: [], warnings: ['The training rows do not suffice for a tuning: add rows'] }
  }
  const search = opened
  while (search.trials.length < tuning.trials && hasTime(search)) await nextTrial(search)
  return outcome(search)
}

interface Search {
  readonly comparison: Comparison
  readonly start: Candidate
  readonly space: Space
  readonly tuning: TuningSpec
  readonly deadlineMs: number
  readonly judge: Judge
  readonly trials: Trial[]
}

/** The first trial shows what one costs; where that is too much for the budget, trials see fewer rows. */
async function openSearch(options: Omit<Search, 'judge' | 'trials'>): Promise<Search | undefined> {
  const { comparison, tuning, deadlineMs, start } = options
  let count = Math.min(MOST_ROWS, comparison.rows.table.rows)
  for (;;) {
    const judge = openJudge(comparison, count)
    if (!judge) return undefined
    const search: Search = { ...options, judge, trials: [] }
    const before = comparison.clock.elapsedMs()
    await tryCandidate(search, start)
    const tookMs = comparison.clock.elapsedMs() - before
    const affordableMs = (deadlineMs - comparison.clock.elapsedMs()) / Math.max(1, tuning.trials - 1)
    const fewer = Math.max(FEWEST_ROWS, Math.floor((count * affordableMs) / tookMs))
    if (fewer > count / 2 || affordableMs <= 0) return search
    count = fewer
  }
}

function openJudge(comparison: Comparison, count: number): Judge | undefined {
  const { spec } = comparison
  const rows = someRows(comparison.rows, count, spec.evaluation.seed)
  const folds = comparisonFolds(rows, { spec, folds: count > MANY_ROWS ? 3 : 5, repeats: count < 500 ? 2 : 1 })
  return folds && createJudge({ ...comparison, rows, folds })
}

/** A trial more takes about as long as those before. */
function hasTime({ trials, deadlineMs, comparison }: Search): boolean {
  const mean = trials.reduce((sum, { seconds }) => sum + seconds, 0) / Math.max(1, trials.length)
  return comparison.clock.elapsedMs() + mean * 1000 < deadlineMs
}

async function nextTrial(search: Search): Promise<void> {
  const { comparison, space, start, trials } = search
  // A generator of its own for each trial: a tuning that is taken up again goes on as it would have.
  const random = seededRandom(comparison.spec.evaluation.seed + trials.length)
  const sign = comparison.greaterIsBetter ? -1 : 1
  const tried = trials.flatMap((trial): Tried[] => {
    const point = pointOf(space, trial.hyperparameters)
    return point && trial.value !== null ? [{ point, loss: sign * trial.value }] : []
  })
  const settings = settingsAt(space, suggest(space, tried, random))
  await tryCandidate(search, { ...start, hyperparameters: { ...start.hyperparameters, ...settings } })
}

async function tryCandidate(search: Search, candidate: Candidate): Promise<void> {
  const { comparison, judge, trials, deadlineMs, tuning } = search
  const { greaterIsBetter, step } = comparison
  const message = `Trial ${trials.length + 1} of ${tuning.trials}: ${candidate.algorithm}`
  const share = (fraction: number) => (trials.length + fraction) / tuning.trials
  step(share(0), message)
  const known = comparison.finished('trial', candidate, judge.rows)
  const complete = trials.filter(({ status }) => status === 'complete').map(({ folds }) => folds)
  const judged =
    known ??
    (await judge.judge(candidate, {
      deadlineMs: trials.length === 0 ? Number.POSITIVE_INFINITY : deadlineMs,
      step: (fraction) => step(share(fraction), message),
      hopeless: (folds) => isHopeless(folds, complete, greaterIsBetter),
    }))
  const trial = comparison.trialOf('trial', candidate, judged)
  trials.push(trial)
  if (!known) comparison.note(trial, `Trial ${trials.length} of ${tuning.trials}: ${trialSentence(trial)}`)
}

function outcome({ comparison, start, trials, judge }: Search): Tuned {
  const { greaterIsBetter, scale } = comparison
  // A trial that ran out of time may have met the easier folds only.
  const able = trials.filter(({ status, folds }) => status === 'complete' && folds.length === judge.folds)
  const first = trials[0]!
  if (able.length === 0) {
    if (first.status === 'failed') throw fail('invalid', 'TRAINING_DATA_INVALID', first.reason ?? 'Every trial failed')
    return { candidate: start, trials: [{ ...first, chosen: true }, ...trials.slice(1)], warnings: [] }
  }
  const best = able.reduce((a, b) => ((greaterIsBetter ? b.value! > a.value! : b.value! < a.value!) ? b : a))
  const pair = able.includes(first) ? [first, best] : [best]
  const won = pair[winner(pair, { greaterIsBetter, tolerance: TOLERANCE * scale })!]!
  return {
    candidate: { algorithm: won.algorithm, hyperparameters: won.hyperparameters },
    trials: trials.map((trial) => ({
      ...trial,
      chosen: configurationKey(trial) === configurationKey(won) && trial === won,
    })),
    warnings: [],
  }
}
