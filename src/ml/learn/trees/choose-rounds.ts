// How many rounds, and how boldly: decided by cross-validation within the training rows where that is affordable. Boosting with a
// fixed number of rounds overfits one small table and underfits the next; no other setting matters as much. The best round of
// the mean curve of all folds counts (Friedman 2001), not the mean of each fold's best, which is noise.

import { figuresOf } from '../../tune/standings.ts'
import { innerFolds } from '../inner-folds.ts'
import type { LearningHooks, LearningTarget } from '../learner.ts'
import { within } from '../path.ts'

/** What a style decides where nothing was asked for. */
export interface Style {
  readonly minRows: number
  readonly subsample: number
  readonly colsample: number
}

export interface Recipe extends Style {
  readonly rounds: number
}

/** The mean loss of the judged rows after each round, from boosting that stops when it no longer falls. */
export type Trace = (style: Style, part: Part) => Promise<readonly number[]>

export interface Part {
  /** Both ascending, rows of the table. */
  readonly learn: Uint32Array
  readonly judge: Uint32Array
  readonly hooks: LearningHooks
}

export interface RoundsProblem {
  readonly target: LearningTarget
  /** Rows that count, ascending. */
  readonly rows: Uint32Array
  /** Features × outputs: what a row costs. */
  readonly width: number
  readonly usual: Style
  /** From the cautious to the bold. */
  readonly styles: readonly Style[]
  readonly trace: Trace
  readonly seed: number
  readonly hooks: LearningHooks
}

/** Rounds where they are not decided by cross-validation. */
export const USUAL_ROUNDS = 200
/** Rounds that are decided on, at most. */
export const MOST_ROUNDS = 800
/** Folds are learned in steps so many times as large, which leads to the same place in as many times fewer rounds. */
export const HASTE = 2
/** Rounds without a lower loss after which a fold ends. */
export const PATIENCE = 50
/** Fewer rows than this say nothing about a number of rounds. */
const FEWEST_ROWS = 40
/** The final trees learn from the rows of all folds, which bear a little more. */
const MORE = 1.1

/** Bins cost as much as so many rows. */
const ROWS_OF_BINS = 2000
/** How much is spent, by features × outputs × (rows + ROWS_OF_BINS); beyond the last line nothing is. */
const EFFORTS = [
  { cells: 30_000, repeats: 2, parts: 10, styled: true },
  { cells: 60_000, repeats: 1, parts: 5, styled: true },
  { cells: 120_000, repeats: 1, parts: 3, styled: true },
  { cells: 250_000, repeats: 1, parts: 1, styled: false },
] as const

type Effort = (typeof EFFORTS)[number]

/** Throws what `trace` throws. */
export async function chooseRounds(problem: RoundsProblem): Promise<Recipe> {
  const { rows, width, usual, hooks } = problem
  const effort = EFFORTS.find(({ cells }) => width * (rows.length + ROWS_OF_BINS) <= cells)
  if (!effort || rows.length < FEWEST_ROWS) return { ...usual, rounds: USUAL_ROUNDS }
  const parts = partsOf(problem, effort)
  const styles = effort.styled ? problem.styles : [usual]
  const traced = styles.map((style): Traced => ({ style, curves: [] }))
  let left = traced
  for (const [k, part] of parts.entries()) {
    for (const [i, { style, curves }] of left.entries()) {
      const share = { from: (k + i / left.length) / parts.length, size: 1 / left.length / parts.length }
      curves.push(await problem.trace(style, { ...part, hooks: within(hooks, share) }))
    }
    left = stillOpen(left)
  }
  const { style, curves } = mostCautious(left)
  return { ...style, rounds: Math.min(MOST_ROUNDS, Math.round(lowest(curves).rounds * HASTE * MORE)) }
}

function partsOf({ target, rows, seed }: RoundsProblem, { repeats, parts }: Effort) {
  const labels = target.task === 'classification' ? Int32Array.from(rows, (row) => target.labels[row]!) : undefined
  const all = Array.from({ length: repeats }, (_, i) =>
    innerFolds(rows.length, { ...(labels && { labels }), seed: seed + i }),
  )
  const inTable = (places: Uint32Array) => places.map((place) => rows[place]!)
  return all
    .flat()
    .slice(0, parts)
    .map(({ learn, judge }) => ({ learn: inTable(learn), judge: inTable(judge) }))
}

interface Traced {
  readonly style: Style
  readonly curves: (readonly number[])[]
}

/** Folds after which a style that was worse in each of them is given up. */
const FEWEST_FOLDS = 2

function stillOpen(traced: Traced[]): Traced[] {
  if (traced[0]!.curves.length < FEWEST_FOLDS) return traced
  const losses = traced.map(lossesOf)
  const leader = leaderOf(losses)
  return traced.filter((_, i) => losses[i] === leader || losses[i]!.some((loss, fold) => loss < leader[fold]!))
}

/** The first whose distance from the best can be luck: at most one standard error (Breiman et al. 1984). */
function mostCautious(traced: readonly Traced[]): Traced {
  const losses = traced.map(lossesOf)
  const leader = leaderOf(losses)
  return traced.find((_, i) => {
    const { mean, error } = figuresOf(losses[i]!.map((loss, fold) => loss - leader[fold]!))
    return mean <= error
  })!
}

/** By fold, at the rounds that are best for all folds together. */
function lossesOf({ curves }: Traced): readonly number[] {
  const { rounds } = lowest(curves)
  return curves.map((curve) => continued(curve)(rounds - 1))
}

function leaderOf(losses: readonly (readonly number[])[]): readonly number[] {
  const means = losses.map((own) => own.reduce((sum, loss) => sum + loss, 0))
  return losses[means.indexOf(Math.min(...means))]!
}

/** The lowest point of the mean of some curves. */
export function lowest(curves: readonly (readonly number[])[]): { readonly rounds: number; readonly loss: number } {
  let best = { rounds: 1, loss: Number.POSITIVE_INFINITY }
  const goneOn = curves.map(continued)
  const longest = Math.max(...curves.map((curve) => curve.length))
  for (let round = 0; round < longest; round++) {
    const loss = goneOn.reduce((sum, at) => sum + at(round), 0) / curves.length
    if (loss < best.loss) best = { rounds: round + 1, loss }
  }
  return best
}

/** A curve that ended because it rose is taken to rise on as it did since its lowest point: else those that fall would win. */
function continued(curve: readonly number[]): (round: number) => number {
  const least = curve.reduce((at, loss, round) => (loss < curve[at]! ? round : at), 0)
  const [last, end] = [curve.length - 1, curve.at(-1) ?? Number.POSITIVE_INFINITY]
  const slope = last > least ? (end - curve[least]!) / (last - least) : 0
  return (round) => (round <= last ? curve[round]! : end + slope * (round - last))
}
