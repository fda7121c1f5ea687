// Which algorithm: the candidates are compared by cross-validation on the training rows. Of many rows a part decides first
// who is worth being compared on more (successive halving, Jamieson and Talwalkar 2016); a blend of those that came furthest
// is one more contender. The held-out rows take no part.
import type { Trial } from '../../../contract/evaluation.ts'
import { ALGORITHMS, type AlgorithmName } from '../../../ml/learn/index.ts'
import { winner } from '../../../ml/tune/index.ts'
import { combine } from './combine.ts'
import { type Comparison, configurationKey, sortedByValue, trialSentence } from './comparison.ts'
import { createJudge, type Judge } from './judge.ts'
import { type Raced, race } from './race.ts'
import { comparisonFolds, someRows } from './sample.ts'
import type { Candidate } from './spec.ts'
import type { Standing } from './standing.ts'

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
/** What a cheaper candidate may be worse by, as long as that is within one standard error: less nobody would notice. */
const TOLERANCE = 0.001

export async function choose(
  comparison: Comparison,
  candidates: readonly Candidate[],
  budgetMs: number,
): Promise<Choice> {
  const { rows, clock } = comparison
  const small = rows.table.rows <= SMALL_ROWS
  const deadlineMs = clock.elapsedMs() + (small ? Math.min(budgetMs, SMALL_TABLE_SECONDS * 1000) : budgetMs)
  const fitting = candidates.filter((candidate) => suits(candidate, comparison))
  const all = fitting
    .flatMap((candidate) => penalised(candidate, comparison))
    .map((candidate): Standing => ({ candidate, tried: [] }))
  let blend: Standing | undefined
  let contenders: readonly Standing[] = all
  const sizes = rungs(rows.table.rows)
  for (const [rung, size] of sizes.entries()) {
    const judge = openJudge(comparison, size)
    if (!judge) break
    const left = sizes.length - rung
    const raceDeadlineMs = clock.elapsedMs() + (deadlineMs - clock.elapsedMs()) / left
    const place = { from: rung / sizes.length, to: (rung + 1) / sizes.length }
    const raced = await race({ comparison, judge, contenders, deadlineMs: raceDeadlineMs, ...place })
    blend = blendOf(comparison, judge, raced) ?? blend
    if (rung + 1 < sizes.length) contenders = surviving(contenders, comparison)
    if (contenders.length < 2) break
  }
  const everyone = blend ? [...all, blend] : all
  const chosen = chooseAmong(everyone, comparison) ?? all[0]!.candidate
  const leaderboard = everyone
    .flatMap(({ tried }) => tried.slice(-1))
    .map((trial) => ({ ...trial, chosen: configurationKey(trial) === configurationKey(chosen) }))
  return {
    candidate: chosen,
    leaderboard: sortedByValue(leaderboard, comparison.greaterIsBetter),
    warnings: doubts(all),
  }
}

function suits({ algorithm }: Candidate, { columns }: Comparison): boolean {
  return (
    ALGORITHMS[algorithm as AlgorithmName]?.candidateFor !== 'texts' || columns.some(({ dtype }) => dtype === 'text')
  )
}

/** Strengths of penalty that a linear candidate finds its own among. */
const STRENGTHS = 9
/** Where it cannot find its own, each of these is a candidate. */
const GIVEN_STRENGTHS = [1, 10, 100, 1000]
const MOST_SCORES = 1_000_000

/**
 * A linear model of a table with a strength of its own: as it comes it overfits many rare categories. Texts take too long. Of rows that belong
 * together or follow each other a learner knows nothing, so they cannot be judged within it; there the folds of the comparison judge.
 */
function penalised(candidate: Candidate, { rows, columns, spec }: Comparison): Candidate[] {
  const { path, l2 } = candidate.hyperparameters
  const { group_column, time_column } = spec.evaluation
  // A tuning searches the strength itself.
  const open = path === 1 && l2 === 1 && !spec.tuning
  const { target, table } = rows
  // Forty-six fits of classes by the thousand end nowhere in the time of a comparison.
  const scores = table.rows * (target.task === 'classification' ? target.classes.length : 1)
  const wordless = columns.every(({ dtype }) => dtype !== 'text')
  if (!open || !wordless || table.rows > MOST_ROWS || scores > MOST_SCORES) return [candidate]
  const own = group_column === undefined && time_column === undefined
  const strengths = own ? [{ path: STRENGTHS }] : GIVEN_STRENGTHS.map((strength) => ({ l2: strength }))
  return strengths.map((strength) => ({
    ...candidate,
    hyperparameters: { ...candidate.hyperparameters, ...strength },
  }))
}

/**
 * Tells of the candidates and then of their blend: at once, because an interrupted attempt is gone on from by what was told, and candidates that
 * are known already cannot be blended any more. A tuning goes on with one algorithm, so it wants no blend.
 */
function blendOf(comparison: Comparison, judge: Judge, raced: readonly Raced[]): Standing | undefined {
  const { tuning } = comparison.spec
  const known = tuning ? undefined : comparison.finishedBlend(judge.rows)
  const made = () =>
    combine(
      judge,
      raced.map(({ attempt }) => attempt),
    )
  const combined = known ? { candidate: known, judged: known } : tuning ? undefined : made()
  for (const { trial } of raced) comparison.note(trial, trialSentence(trial))
  if (!combined) return undefined
  const { algorithm, hyperparameters } = combined.candidate
  const candidate = { algorithm, hyperparameters }
  const trial = comparison.numbered('candidate', candidate)(combined.judged)
  if (!known) comparison.note(trial, trialSentence(trial))
  return { candidate, tried: [trial] }
}

function rungs(rows: number): number[] {
  if (rows <= FIRST_ROWS * 1.5) return [rows]
  return [FIRST_ROWS, Math.min(rows, MOST_ROWS)]
}

function openJudge(comparison: Comparison, size: number): Judge | undefined {
  const { spec } = comparison
  const rows = someRows(comparison.rows, size, spec.evaluation.seed)
  const repeats = size < 1000 ? 2 : 1
  const folds = comparisonFolds(rows, { spec, folds: size > FIRST_ROWS * 1.5 ? 3 : 5, repeats })
  const passes = spec.evaluation.time_column === undefined ? repeats : 1
  return folds && createJudge({ ...comparison, rows, folds, pass: Math.ceil(folds.length / passes) })
}

/** The better half, at least two; candidates that could not be compared are left behind. */
function surviving(contenders: readonly Standing[], { greaterIsBetter }: Comparison): Standing[] {
  const able = contenders.filter(({ tried }) => tried.at(-1)?.status === 'complete')
  const value = ({ tried }: Standing) => (greaterIsBetter ? 1 : -1) * tried.at(-1)!.value!
  const best = [...able].sort((a, b) => value(b) - value(a)).slice(0, Math.max(2, Math.ceil(able.length / 2)))
  return contenders.filter((contender) => best.includes(contender))
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
  const skipped = last.filter(({ status }) => status === 'skipped').map(({ algorithm }) => algorithm)
  const remedy = 'name an algorithm, or raise tuning.time_budget_seconds'
  if (all.some(({ tried }) => tried.some(({ status }) => status === 'complete'))) {
    return skipped.length === 0 ? [] : [`There was no time to compare ${skipped.join(', ')}: ${remedy}`]
  }
  if (skipped.length > 0) return [`There was no time to compare algorithms, so the simplest was taken: ${remedy}`]
  const failed = last.find(({ status }) => status === 'failed')
  if (failed) {
    return [`No algorithm could be compared, so the simplest was taken (${failed.algorithm}: ${failed.reason})`]
  }
  return [
    'The training rows do not suffice to compare algorithms, so the simplest was taken: add rows, or name an algorithm',
  ]
}
