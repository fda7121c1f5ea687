// Which algorithm: the candidates are compared by cross-validation on the training rows. Of many rows a part decides first
// who is worth being compared on more (successive halving, Jamieson and Talwalkar 2016); the held-out rows take no part.
import type { Trial } from '../../../contract/evaluation.ts'
import { winner } from '../../../ml/tune/index.ts'
import { type Comparison, configurationKey, sortedByValue, trialSentence } from './comparison.ts'
import { createJudge, type Judge, type Judged } from './judge.ts'
import { comparisonFolds, someRows } from './sample.ts'
import type { Candidate } from './spec.ts'

export interface Choice {
  readonly candidate: Candidate
  /** Best first; the chosen one is marked. */
  readonly leaderboard: readonly Trial[]
  readonly warnings: readonly string[]
}

/** Time for the choice where nothing is said. */
export const CHOICE_SECONDS = 60
/** A comparison of small tables takes no longer than this. */
const SMALL_TABLE_SECONDS = 20
const SMALL_ROWS = 2000
const FIRST_ROWS = 8000
const MOST_ROWS = 40_000
/** What a cheaper candidate may be worse by, as long as that is within one standard error. */
const TOLERANCE = 0.002

export async function choose(
  comparison: Comparison,
  candidates: readonly Candidate[],
  budgetMs: number,
): Promise<Choice> {
  const { rows, clock } = comparison
  const small = rows.table.rows <= SMALL_ROWS
  const deadlineMs = clock.elapsedMs() + (small ? Math.min(budgetMs, SMALL_TABLE_SECONDS * 1000) : budgetMs)
  let contenders = candidates.map((candidate): Standing => ({ candidate, tried: [] }))
  const all = contenders
  const sizes = rungs(rows.table.rows)
  for (const [rung, size] of sizes.entries()) {
    const judge = openJudge(comparison, size)
    if (!judge) break
    await compareOnRows({ comparison, judge, contenders, deadlineMs, rung: { from: rung, of: sizes.length } })
    if (rung + 1 < sizes.length) contenders = surviving(contenders, comparison)
  }
  const chosen = chooseAmong(contenders, comparison) ?? candidates[0]!
  const leaderboard = all
    .flatMap(({ tried }) => tried.slice(-1))
    .map((trial) => ({
      ...trial,
      chosen: configurationKey(trial) === configurationKey(chosen),
    }))
  return {
    candidate: chosen,
    leaderboard: sortedByValue(leaderboard, comparison.greaterIsBetter),
    warnings: doubts(all),
  }
}

interface Standing {
  readonly candidate: Candidate
  /** One a rung. */
  readonly tried: Trial[]
}

function rungs(rows: number): number[] {
  if (rows <= FIRST_ROWS * 1.5) return [rows]
  return [FIRST_ROWS, Math.min(rows, MOST_ROWS)]
}

function openJudge(comparison: Comparison, size: number): Judge | undefined {
  const { spec } = comparison
  const rows = someRows(comparison.rows, size, spec.evaluation.seed)
  const repeats = size < 300 ? 3 : size < 1000 ? 2 : 1
  const folds = comparisonFolds(rows, { spec, folds: size > FIRST_ROWS * 1.5 ? 3 : 5, repeats })
  return folds && createJudge({ ...comparison, rows, folds })
}

interface Rung {
  readonly comparison: Comparison
  readonly judge: Judge
  readonly contenders: readonly Standing[]
  readonly deadlineMs: number
  readonly rung: { readonly from: number; readonly of: number }
}

/** Candidates come in the order of their cost, and each may use its part of the time that is left. */
async function compareOnRows({ comparison, judge, contenders, deadlineMs, rung }: Rung): Promise<void> {
  const { clock, finished, step, note } = comparison
  for (const [i, { candidate, tried }] of contenders.entries()) {
    const now = clock.elapsedMs()
    const ownDeadlineMs = now + (deadlineMs - now) / ((contenders.length - i) * (rung.of - rung.from))
    const done = (rung.from + i / contenders.length) / rung.of
    const message = `Comparing ${candidate.algorithm} on ${judge.rows} rows`
    step(done, message)
    const known = finished('candidate', candidate, judge.rows)
    const judged: Judged =
      known ??
      (await judge.judge(candidate, {
        // The simplest candidate always gets an answer.
        deadlineMs: i === 0 && rung.from === 0 ? Number.POSITIVE_INFINITY : ownDeadlineMs,
        step: (fraction) => step(done + fraction / contenders.length / rung.of, message),
      }))
    const trial = comparison.trialOf('candidate', candidate, judged)
    tried.push(trial)
    if (!known) note(trial, trialSentence(trial))
  }
}

/** The better half, at least two; candidates that could not be compared are left behind. */
function surviving(contenders: readonly Standing[], { greaterIsBetter }: Comparison): Standing[] {
  const able = contenders.filter(({ tried }) => tried.at(-1)?.status === 'complete')
  const value = ({ tried }: Standing) => (greaterIsBetter ? 1 : -1) * tried.at(-1)!.value!
  const best = [...able].sort((a, b) => value(b) - value(a)).slice(0, Math.max(2, Math.ceil(able.length / 2)))
  const kept = contenders.filter((contender) => best.includes(contender))
  return kept.length > 0 ? kept : [...contenders]
}

/** Of those that were compared on the most rows. */
function chooseAmong(contenders: readonly Standing[], { greaterIsBetter, scale }: Comparison): Candidate | undefined {
  const last = contenders.map(({ tried }) => tried.findLast(({ status }) => status === 'complete'))
  const rows = Math.max(...last.map((trial) => trial?.rows ?? 0))
  const folds = last.map((trial) => ({ folds: trial?.rows === rows ? trial.folds : [] }))
  const index = winner(folds, { greaterIsBetter, tolerance: TOLERANCE * scale })
  return index === undefined ? undefined : contenders[index]!.candidate
}

function doubts(all: readonly Standing[]): string[] {
  const last = all.flatMap(({ tried }) => tried.slice(-1))
  if (last.some(({ status }) => status === 'complete')) {
    const skipped = last.filter(({ status }) => status === 'skipped').map(({ algorithm }) => algorithm)
    if (skipped.length === 0) return []
    return [
      `There was no time to compare ${skipped.join(', ')}: name an algorithm, or raise tuning.time_budget_seconds`,
    ]
  }
  return [
    'The training rows do not suffice to compare algorithms, so the simplest was taken: add rows, or name an algorithm',
  ]
}
