// Which settings: trials by cross-validation on the training rows, the first with the settings as they are, the next at
// random, and from then on where the Parzen estimator sees most promise. Trials go in rounds of four that know only of the
// rounds before, so that what is tried does not depend on how many threads there are; one that is worse than most after a
// fold or two is given up (median stopping). What an interrupted attempt found out is taken over, trial by trial.
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
import { type Comparison, trialSentence } from './comparison.ts'
import { createJudge, type Judge, type Judged } from './judge.ts'
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
const ROUND = 4
/** What tuned settings must save, as a share of a whole: less is luck with these folds. */
const TOLERANCE = 0.0005

export async function tune(
  comparison: Comparison,
  start: Candidate,
  tuning: TuningSpec & { readonly budgetMs: number },
): Promise<Tuned> {
  const space = spaceOf(start.algorithm).filter(({ name }) => !tuning.fixed.includes(name))
  if (space.length === 0) {
    return untuned(
      start,
      `There is nothing to tune: every setting of ${start.algorithm} that a tuning searches was given`,
    )
  }
  const deadlineMs = comparison.clock.elapsedMs() + tuning.budgetMs
  const search = await openSearch({ comparison, start, space, tuning, deadlineMs })
  if (!search) return untuned(start, 'The training rows do not suffice for a tuning: add rows')
  while (search.trials.length < tuning.trials && hasTime(search)) await nextRound(search)
  return outcome(search)
}

function untuned(candidate: Candidate, warning: string, trials: readonly Trial[] = []): Tuned {
  return { candidate, trials, warnings: [warning] }
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
  const { clock, fits } = comparison
  let count = Math.min(MOST_ROWS, comparison.rows.table.rows)
  for (;;) {
    const judge = openJudge(comparison, count)
    if (!judge) return undefined
    const search: Search = { ...options, judge, trials: [] }
    await tryAll(search, [start])
    const tookMs = search.trials[0]!.seconds * 1000
    const affordableMs = ((deadlineMs - clock.elapsedMs()) * fits.parallel) / Math.max(1, tuning.trials - 1)
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

async function nextRound(search: Search): Promise<void> {
  const { comparison, space, start, trials, tuning } = search
  const sign = comparison.greaterIsBetter ? -1 : 1
  const tried = trials.flatMap((trial): Tried[] => {
    const point = pointOf(space, trial.hyperparameters)
    return point && trial.value !== null ? [{ point, loss: sign * trial.value }] : []
  })
  const many = Math.min(ROUND, tuning.trials - trials.length)
  const candidates = Array.from({ length: many }, (_, i) => {
    // A generator of its own for each trial: a tuning that is taken up again goes on as it would have.
    const random = seededRandom(comparison.spec.evaluation.seed + trials.length + i)
    const settings = settingsAt(space, suggest(space, tried, random))
    return { ...start, hyperparameters: { ...start.hyperparameters, ...settings } }
  })
  await tryAll(search, candidates)
}

async function tryAll(search: Search, candidates: readonly Candidate[]): Promise<void> {
  const { comparison, trials, tuning, judge } = search
  const before = trials.filter(({ status }) => status === 'complete').map(({ folds }) => folds)
  const made = await Promise.all(
    candidates.map(async (candidate, i) => {
      const place = trials.length + i
      const trialOf = comparison.numbered('trial', candidate)
      const known = comparison.finished('trial', candidate, judge.rows)
      if (known) return trialOf(known)
      const trial = trialOf(await tryOne(search, { candidate, place, before }))
      comparison.note(trial, `Trial ${place + 1} of ${tuning.trials}: ${trialSentence(trial)}`)
      return trial
    }),
  )
  trials.push(...made)
}

interface Turn {
  readonly candidate: Candidate
  /** Number of the trial, from 0. */
  readonly place: number
  /** Folds of the trials to be measured against. */
  readonly before: readonly (readonly number[])[]
}

async function tryOne(search: Search, { candidate, place, before }: Turn): Promise<Judged> {
  const { comparison, judge, tuning, deadlineMs } = search
  const { clock, greaterIsBetter } = comparison
  const message = `Trial ${place + 1} of ${tuning.trials}: ${candidate.algorithm}`
  const attempt = judge.open(candidate)
  while (!attempt.ended) {
    const { done, seconds } = attempt
    const after = `after ${done} of ${judge.folds} folds`
    const late = done > 0 && clock.elapsedMs() + (seconds * 1000) / done > deadlineMs
    if (late) attempt.end('complete', `no time was left ${after}`)
    else if (done > 0 && isHopeless(attempt.figures, before, greaterIsBetter)) {
      attempt.end('pruned', `worse than most others ${after}`)
    } else {
      await attempt.next({
        deadlineMs: () => deadlineMs,
        step: (fraction) => comparison.step((place + (done + fraction) / judge.folds) / tuning.trials, message),
      })
    }
  }
  return attempt.ended
}

function outcome({ comparison, start, trials }: Search): Tuned {
  const { greaterIsBetter, scale } = comparison
  const complete = trials.filter(({ status }) => status === 'complete')
  // A trial that ran out of time may have met the easier folds only.
  const folds = Math.max(0, ...complete.map((trial) => trial.folds.length))
  const able = complete.filter((trial) => trial.folds.length === folds)
  const first = trials[0]!
  if (able.length === 0) {
    const failed = trials.find(({ status }) => status === 'failed')
    if (failed) throw fail('invalid', 'TRAINING_DATA_INVALID', `Every trial failed: ${failed.reason}`)
    const marked = [{ ...first, chosen: true }, ...trials.slice(1)]
    return untuned(start, 'There was no time for a single trial: raise tuning.time_budget_seconds', marked)
  }
  const best = able.reduce((a, b) => ((greaterIsBetter ? b.value! > a.value! : b.value! < a.value!) ? b : a))
  const pair = able.includes(first) ? [first, best] : [best]
  const won = pair[winner(pair, { greaterIsBetter, tolerance: TOLERANCE * scale })!]!
  return {
    candidate: { algorithm: won.algorithm, hyperparameters: won.hyperparameters },
    trials: trials.map((trial) => ({ ...trial, chosen: trial === won })),
    warnings: [],
  }
}
