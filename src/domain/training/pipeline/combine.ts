// A blend of the candidates of a race, from what they said about rows they had not learned from: again and again the one is
// added, with repeats, whose company lowers the loss most (Caruana et al. 2004, "Ensemble selection from libraries of models").
// A proper score decides (log loss, squared errors), whatever the metric of the race: it is the least noisy one.
import { figuresOf } from '../../../ml/tune/index.ts'
import type { Attempt, Judge, Judged } from './judge.ts'
import { judgedFigures } from './judge.ts'
import type { Candidate } from './spec.ts'

export interface Combined {
  readonly candidate: Candidate
  readonly judged: Judged
}

const ROUNDS = 20
/** A member that counts less than this costs more than it gives. */
const LEAST_SHARE = 0.1
/** Share of one that is asked about as company. */
const LITTLE = 0.25
/** Rows that members must have been judged on, a row of two folds counted twice: fewer say nothing about weights. */
const FEWEST_ROWS = 200
/** Keeps the logarithm of what was thought impossible finite. */
const LEAST_PROBABILITY = 1e-7

/** Undefined where fewer than two candidates were judged on the same folds, or one of them is better off alone. */
export function combine(judge: Judge, attempts: readonly Attempt[]): Combined | undefined {
  const complete = attempts.filter(({ ended }) => ended?.status === 'complete')
  const folds = Math.max(0, ...complete.map(({ done }) => done))
  const able = complete.filter(({ done }) => done === folds)
  if (able.length < 2) return undefined
  const truth = truthOf(judge, folds)
  if (truth.length < FEWEST_ROWS) return undefined
  const weights = selected(
    able.map(({ said }) => said),
    truth,
  )
  const members = able.map((attempt, i) => ({ attempt, weight: weights[i]! })).filter(({ weight }) => weight > 0)
  if (members.length < 2) return undefined
  const total = members.reduce((sum, { weight }) => sum + weight, 0)
  const figures = Array.from({ length: folds }, (_, fold) => {
    const parts = members.map(({ attempt, weight }) => ({ said: attempt.said[fold]!, share: weight / total }))
    return judge.figure(fold, mixed(parts), members[0]!.attempt.candidate)
  }).filter((figure) => figure !== undefined)
  return {
    candidate: {
      algorithm: 'blend',
      hyperparameters: {
        members: members.map(({ attempt: { candidate }, weight }) => ({
          algorithm: candidate.algorithm,
          hyperparameters: { ...candidate.hyperparameters },
          weight,
        })),
        ...answeringLike(members[0]!.attempt.candidate),
      },
    },
    judged: {
      ...judgedFigures(figures),
      status: figures.length > 0 ? 'complete' : 'failed',
      rows: judge.rows,
      seconds: Math.round(1000 * members.reduce((sum, { attempt }) => sum + attempt.seconds, 0)) / 1000,
    },
  }
}

/** Candidates of one training answer alike; where that is not the usual way, the blend must be told. */
function answeringLike({ hyperparameters: { labels } }: Candidate): { readonly labels?: unknown } {
  return labels === 'probable' ? { labels } : {}
}

export interface Company {
  readonly leader: Attempt
  readonly attempt: Attempt
  readonly greaterIsBetter: boolean
}

/** Whether the leader, with a little of the other beside it, is better than alone on the folds so far. */
export function helps(judge: Judge, { leader, attempt, greaterIsBetter }: Company): boolean {
  const together = leader.said.flatMap((said, fold) => {
    const parts = [
      { said, share: 1 - LITTLE },
      { said: attempt.said[fold]!, share: LITTLE },
    ]
    return judge.figure(fold, mixed(parts), leader.candidate) ?? []
  })
  const gain = figuresOf(together).mean - figuresOf(leader.figures).mean
  return greaterIsBetter ? gain > 0 : gain < 0
}

interface Part {
  readonly said: Float64Array
  readonly share: number
}

function mixed(parts: readonly Part[]): Float64Array {
  const sum = new Float64Array(parts[0]!.said.length)
  for (const { said, share } of parts) for (let i = 0; i < sum.length; i++) sum[i]! += share * said[i]!
  return sum
}

/** What decides about a row: the number it should be, or the place of the probability of its class. */
interface Truth {
  readonly fold: number
  readonly at: number
  /** NaN for classes. */
  readonly value: number
}

function truthOf(judge: Judge, folds: number): Truth[] {
  return Array.from({ length: folds }, (_, fold): Truth[] => {
    const target = judge.targetOf(fold)
    if (target.task === 'regression') return Array.from(target.values, (value, at) => ({ fold, at, value }))
    const width = target.classes.length
    return Array.from(target.labels, (label, row) => ({ fold, at: row * width + label, value: Number.NaN }))
  }).flat()
}

/** How often each candidate was taken, those that hardly count left out. */
function selected(said: readonly (readonly Float64Array[])[], truth: readonly Truth[]): number[] {
  const own = said.map((folds) => Float64Array.from(truth, ({ fold, at }) => folds[fold]![at]!))
  const wanted = Float64Array.from(truth, ({ value }) => value)
  const sum = new Float64Array(truth.length)
  const counts = said.map(() => 0)
  let best = { loss: Number.POSITIVE_INFINITY, counts: [...counts] }
  for (let round = 1; round <= ROUNDS; round++) {
    const losses = own.map((values) => meanLoss({ sum, values, size: round, wanted }))
    const loss = Math.min(...losses)
    const next = losses.indexOf(loss)
    counts[next]!++
    for (let i = 0; i < sum.length; i++) sum[i]! += own[next]![i]!
    if (loss < best.loss) best = { loss, counts: [...counts] }
  }
  const total = best.counts.reduce((all, count) => all + count, 0)
  return best.counts.map((count) => (count < LEAST_SHARE * total ? 0 : count))
}

interface Trial {
  /** Of those taken so far. */
  readonly sum: Float64Array
  readonly values: Float64Array
  /** How many there are with this one. */
  readonly size: number
  readonly wanted: Float64Array
}

function meanLoss({ sum, values, size, wanted }: Trial): number {
  let loss = 0
  for (let i = 0; i < sum.length; i++) {
    const said = (sum[i]! + values[i]!) / size
    const goal = wanted[i]!
    loss += Number.isNaN(goal) ? -Math.log(Math.max(said, LEAST_PROBABILITY)) : (said - goal) ** 2
  }
  return loss / sum.length
}
