// How many rounds, and how boldly: decided by cross-validation within the training rows where that is affordable. Boosting with a
// fixed number of rounds overfits one small table and underfits the next; no other setting matters as much. The best round of
// the mean curve of all folds counts (Friedman 2001), not the mean of each fold's best, which is noise.

import { figuresOf } from '../../tune/standings.ts'
import { type InnerFold, innerFolds } from '../inner-folds.ts'
import type { LearningHooks, LearningTarget } from '../learner.ts'
import { within } from '../path.ts'

/** What a style decides where nothing was asked for. */
export interface Style {
  readonly minRows: number
  /** Of a tree, at most. */
  readonly leaves: number
  readonly subsample: number
  readonly colsample: number
}

export interface Recipe extends Style {
  readonly rounds: number
  /** What the asked learning rate is multiplied by. */
  readonly haste: number
  /** Fits that are averaged, each without one of so many parts of the rows; 1 for one fit of all of them. */
  readonly bags: number
}

/** The mean loss of the judged rows after each round, from boosting that stops when it no longer falls. */
export type Trace = (style: Style, part: Part) => Promise<readonly number[]>

export interface Part {
  /** Both ascending, rows of the table. */
  readonly learn: Uint32Array
  readonly judge: Uint32Array
  readonly fold: number
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
  /** Fits to be averaged; 0 leaves it open. */
  readonly bags: number
  /** Folds are learned in steps so many times as large, which leads to the same place in as many times fewer rounds. */
  readonly haste: number
  readonly seed: number
  readonly hooks: LearningHooks
}

/** Rounds where they are not decided by cross-validation. */
export const USUAL_ROUNDS = 200
/** Rounds that are decided on, at most. */
export const MOST_ROUNDS = 800
/** The haste of the folds, where steps are not so large already. */
export const HASTE = 2
/** Rounds without a lower loss after which a fold ends. */
export const PATIENCE = 50
const FOLDS = 5
/** Fits of fewer rows than this are averaged: together they err less than one of all rows, and cost little. */
const AVERAGED_ROWS = 1000
const BAGS = 5
/** Fewer rows than this say nothing about a number of rounds. */
const FEWEST_ROWS = 40
/** The final trees learn from the rows of all folds, which bear a little more. */
const MORE = 1.1

/** Bins cost as much as so many rows. */
const ROWS_OF_BINS = 2000
/** How much is spent, by features × outputs × (rows + ROWS_OF_BINS); beyond the last line nothing is. */
const EFFORTS = [
  { cells: 60_000, parts: 5, all: true },
  { cells: 120_000, parts: 3, all: true },
  { cells: 250_000, parts: 2, all: false },
] as const

type Effort = (typeof EFFORTS)[number]

/** Throws what `trace` throws. */
export async function chooseRounds(problem: RoundsProblem): Promise<Recipe> {
  const { rows, width, usual, bags, haste, hooks } = problem
  const effort = EFFORTS.find(({ cells }) => width * (rows.length + ROWS_OF_BINS) <= cells)
  if (!effort || rows.length < FEWEST_ROWS) return { ...usual, rounds: USUAL_ROUNDS, haste: 1, bags: bags || 1 }
  const parts = partsOf(problem, effort)
  const { styles: all } = problem
  const styles = effort.all ? all : all.filter((style) => style === usual || style === all.at(-1))
  const traced = styles.map((style): Traced => ({ style, curves: [] }))
  let left = traced
  for (const [k, part] of parts.entries()) {
    for (const [i, { style, curves }] of left.entries()) {
      const share = { from: (k + i / left.length) / parts.length, size: 1 / left.length / parts.length }
      curves.push(await problem.trace(style, { ...part, fold: k, hooks: within(hooks, share) }))
    }
    left = stillOpen(left)
  }
  const { style, curves } = mostCautious(left)
  const { rounds } = lowest(curves)
  if (bags === 0 && rows.length < AVERAGED_ROWS) return { ...style, rounds, haste, bags: BAGS }
  return { ...style, rounds: Math.min(MOST_ROUNDS, Math.round(rounds * haste * MORE)), haste: 1, bags: bags || 1 }
}

function partsOf({ target, rows, seed }: RoundsProblem, { parts }: Effort): InnerFold[] {
  return divided({ target, rows, seed, folds: FOLDS }).slice(0, parts)
}

export interface Division extends Pick<RoundsProblem, 'target' | 'rows' | 'seed'> {
  readonly folds: number
}

/** Parts of some rows of a table, by their numbers in the table. */
export function divided({ target, rows, seed, folds }: Division): InnerFold[] {
  const labels = target.task === 'classification' ? Int32Array.from(rows, (row) => target.labels[row]!) : undefined
  const inTable = (places: Uint32Array) => places.map((place) => rows[place]!)
  return innerFolds(rows.length, { ...(labels && { labels }), seed, folds }).map(({ learn, judge }) => ({
    learn: inTable(learn),
    judge: inTable(judge),
  }))
}

interface Traced {
  readonly style: Style
  readonly curves: (readonly number[])[]
}

/** Folds after which a style that was worse in each of them is given up; two are worse by chance too often. */
const FEWEST_FOLDS = 3

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
  const cautious = traced.find((_, i) => {
    const { mean, error } = figuresOf(losses[i]!.map((loss, fold) => loss - leader[fold]!))
    return mean <= error
  })
  return cautious ?? traced[losses.indexOf(leader)]!
}

/** By fold, at the rounds that are best for all folds together. */
function lossesOf({ curves }: Traced): readonly number[] {
  const { rounds } = lowest(curves)
  return curves.map((curve) => continued(curve)(rounds - 1))
}

function leaderOf(losses: readonly (readonly number[])[]): readonly number[] {
  const sums = losses.map((own) => own.reduce((sum, loss) => sum + loss, 0))
  // Targets beyond float32 have no finite loss; the final fit says so.
  const means = sums.map((sum) => (Number.isNaN(sum) ? Number.POSITIVE_INFINITY : sum))
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
