// Candidates side by side, fold by fold: all are judged by the same folds, and one that falls clearly behind is given up
// (racing, Maron and Moore 1994). Where there is no time for another fold of all that are left, the dearest stop first.
import type { Trial } from '../../../contract/evaluation.ts'
import { figuresOf } from '../../../ml/tune/index.ts'
import { helps } from './combine.ts'
import type { Comparison } from './comparison.ts'
import type { Attempt, Judge } from './judge.ts'
import type { Standing } from './standing.ts'
import type { Target } from './target.ts'

export interface Race {
  readonly comparison: Comparison
  readonly judge: Judge
  /** In the order of their cost. */
  readonly contenders: readonly Standing[]
  readonly deadlineMs: number
  /** Where the race lies in the whole comparison, 0 to 1. */
  readonly from: number
  readonly to: number
}

/** Folds before anyone is given up. */
const FEWEST_FOLDS = 3
/** Rows are judged a second time where the first took no longer than this: it makes the choice a little surer, and nobody waits for that. */
const QUICK_MS = 2000
/** Standard errors of the difference to the leader that cannot be luck. */
const CLEARLY = 3

/** What became of a contender that was judged here and now. */
export interface Raced {
  readonly attempt: Attempt
  readonly trial: Trial
}

/** Adds a trial to each of the contenders. Those judged here and now are still to be told of. */
export async function race(options: Race): Promise<readonly Raced[]> {
  const { comparison, judge, contenders } = options
  const racing: Racer[] = []
  for (const standing of contenders) {
    const { candidate, tried } = standing
    const trialOf = comparison.numbered('candidate', candidate)
    const known = comparison.finished('candidate', candidate, judge.rows)
    if (known) tried.push(trialOf(known))
    else racing.push({ tried, trialOf, attempt: judge.open(candidate) })
  }
  await runFolds(
    options,
    racing.map(({ attempt }) => attempt),
  )
  return racing.map(({ tried, trialOf, attempt }) => {
    const trial = trialOf(attempt.end('complete'))
    tried.push(trial)
    return { attempt, trial }
  })
}

interface Racer extends Pick<Standing, 'tried'> {
  readonly attempt: Attempt
  readonly trialOf: ReturnType<Comparison['numbered']>
}

async function runFolds(options: Race, attempts: readonly Attempt[]): Promise<void> {
  const { comparison, judge, deadlineMs } = options
  const startedMs = comparison.clock.elapsedMs()
  for (let fold = 0; fold < judge.folds; fold++) {
    if (fold === judge.pass && comparison.clock.elapsedMs() - startedMs > QUICK_MS) {
      for (const attempt of attempts) if (!attempt.ended) attempt.end('complete', 'every row was judged once')
    }
    const running = stillRunning(options, attempts, fold)
    if (running.length === 0) return
    await Promise.all(
      running.map((attempt, i) => {
        const { algorithm } = attempt.candidate
        const message = `Comparing ${algorithm} on ${judge.rows} rows, fold ${fold + 1} of ${judge.folds}`
        return attempt.next({
          deadlineMs: () => (fold === 0 ? firstDeadline(options, running.length - i) : deadlineMs),
          step: (fraction) =>
            comparison.step(placeOf(options, (fold + (i + fraction) / running.length) / judge.folds), message),
        })
      }),
    )
    if (fold === 0) dismiss(options, attempts)
    if (fold + 1 >= FEWEST_FOLDS) giveUp(options, attempts, fold + 1)
  }
}

/** At most half of what is left for each but the last: those that come first are the most likely to be taken. */
function firstDeadline({ comparison, deadlineMs }: Race, left: number): number {
  const now = comparison.clock.elapsedMs()
  return now + (deadlineMs - now) / Math.min(2, left)
}

/** Those that run another fold; it is the end for the others. */
function stillRunning(options: Race, attempts: readonly Attempt[], fold: number): Attempt[] {
  const { judge } = options
  const stop = (attempt: Attempt, reason: string) =>
    attempt.end('complete', `${reason} after ${fold} of ${judge.folds} folds`)
  let running = attempts.filter(({ ended }) => !ended)
  if (fold === 0) return running
  if (fold >= FEWEST_FOLDS && running.length === 1) stop(running[0]!, 'no rival was left')
  const leader = leaderOf(running, options.comparison)
  while (running.length > 1 && !isTimeFor(options, running)) {
    const rivals = running.filter((attempt) => attempt !== leader)
    stop(
      rivals.reduce((a, b) => (b.seconds > a.seconds ? b : a)),
      'no time was left',
    )
    running = running.filter(({ ended }) => !ended)
    if (running.length === 1) stop(running[0]!, 'no time was left')
  }
  running = running.filter(({ ended }) => !ended)
  if (running.length === 1 && !isTimeFor(options, running)) stop(running[0]!, 'no time was left')
  return running.filter(({ ended }) => !ended)
}

function isTimeFor({ comparison, deadlineMs }: Race, running: readonly Attempt[]): boolean {
  const seconds = running.map((attempt) => attempt.seconds / attempt.done)
  const atOnce = Math.min(comparison.fits.parallel, running.length)
  const roundMs = 1000 * Math.max(...seconds, seconds.reduce((sum, one) => sum + one, 0) / atOnce)
  return comparison.clock.elapsedMs() + roundMs <= deadlineMs
}

function leaderOf(attempts: readonly Attempt[], { greaterIsBetter }: Comparison): Attempt | undefined {
  const mean = ({ figures }: Attempt) => (greaterIsBetter ? 1 : -1) * figuresOf(figures).mean
  const able = attempts.filter(({ figures }) => figures.length > 0)
  return able.reduce((a, b) => (mean(b) > mean(a) ? b : a), able[0]!)
}

function giveUp({ comparison, judge }: Race, attempts: readonly Attempt[], fold: number): void {
  const { greaterIsBetter } = comparison
  const sign = greaterIsBetter ? 1 : -1
  const able = attempts.filter(
    ({ done, ended, figures }) => done === fold && figures.length > 1 && ended?.status !== 'pruned',
  )
  const leader = leaderOf(able, comparison)
  if (!leader) return
  for (const attempt of able) {
    if (attempt.ended || attempt === leader) continue
    const behind = figuresOf(leader.figures.map((figure, k) => sign * (figure - attempt.figures[k]!)))
    if (behind.mean <= CLEARLY * behind.error) continue
    // A tuning goes on with one algorithm; else the weaker one may still be worth its place in a blend.
    if (!comparison.spec.tuning && helps(judge, { leader, attempt, greaterIsBetter })) continue
    attempt.end('pruned', `clearly behind ${leader.candidate.algorithm} after ${fold} of ${judge.folds} folds`)
  }
}

/** By so much of its figure it must be worse: a little is soon made up for in other folds. */
const HOPELESS = 1 / 4

/** Gives up those that say less about the rows of the first fold than somebody who only knows how the others turned out on the whole. */
function dismiss({ comparison, judge }: Race, attempts: readonly Attempt[]): void {
  const sign = comparison.greaterIsBetter ? 1 : -1
  const able = attempts.filter(({ done, ended, figures }) => done === 1 && figures.length === 1 && !ended)
  const leader = leaderOf(able, comparison)
  const said = ignorance(judge.learnedIn(0), judge.targetOf(0))
  for (const attempt of able) {
    if (attempt === leader) continue
    const figure = judge.figure(0, said, attempt.candidate)
    if (figure === undefined || sign * (attempt.figures[0]! - figure) >= -HOPELESS * Math.abs(figure)) continue
    attempt.end('pruned', 'far worse than one answer for all rows of the first fold')
  }
}

/** The shares of the classes among the rows learned from, or their mean, for every row to be judged. */
function ignorance(learned: Target, judged: Target): Float64Array {
  const rows = judged.task === 'regression' ? judged.values.length : judged.labels.length
  if (learned.task === 'regression') {
    const mean = learned.values.reduce((sum, value) => sum + value, 0) / learned.values.length
    return new Float64Array(rows).fill(mean)
  }
  const width = learned.classes.length
  const shares = new Float64Array(width)
  for (const label of learned.labels) shares[label]! += 1 / learned.labels.length
  return Float64Array.from({ length: rows * width }, (_, at) => shares[at % width]!)
}

function placeOf({ from, to }: Race, share: number): number {
  return from + (to - from) * share
}
