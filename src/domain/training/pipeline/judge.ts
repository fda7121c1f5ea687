// One configuration on the folds of the training rows, fold by fold, so that several can be compared while they are judged.
import type { ContractColumn } from '../../../contract/datasets.ts'
import type { Trial } from '../../../contract/evaluation.ts'
import type { Clock } from '../../../core/clock.ts'
import { asFailure } from '../../../core/failure.ts'
import { answersOf, preferences } from '../../../ml/learn/index.ts'
import type { Split } from '../../../ml/split/index.ts'
import { figuresOf } from '../../../ml/tune/index.ts'
import type { Said } from './fit.ts'
import type { Fits } from './fits.ts'
import { type FoldEncoder, openFolds } from './folds.ts'
import { encodingOf, type Learners } from './learners.ts'
import { measure } from './measure.ts'
import type { Predictions } from './predictions.ts'
import type { Step } from './progress.ts'
import type { Labelled } from './rows.ts'
import type { Candidate, TrainingSpec } from './spec.ts'
import { selectTarget, type Target } from './target.ts'
import { unfit } from './unfit.ts'

export interface JudgeOptions {
  readonly spec: TrainingSpec
  readonly learners: Learners | undefined
  readonly columns: readonly ContractColumn[]
  readonly rows: Labelled
  readonly folds: readonly Split[]
  /** Folds that judge every row once. */
  readonly pass?: number
  readonly metric: string
  readonly fits: Fits
  readonly clock: Clock
}

export interface Judge {
  readonly rows: number
  readonly folds: number
  /** Folds that judge every row once; more of them judge the rows again. */
  readonly pass: number
  /** The target of the rows that a fold learns from. */
  learnedIn(fold: number): Target
  /** The target of the rows that a fold is judged by. */
  targetOf(fold: number): Target
  /** The metric of what is said about the rows of a fold; undefined where those leave it without a meaning. */
  figure(fold: number, said: Float64Array, candidate: Pick<Candidate, 'hyperparameters'>): number | undefined
  open(candidate: Candidate): Attempt
}

export interface Attempt {
  readonly candidate: Candidate
  /** Of the folds so far; one where the metric is not defined (a single class) has none, and has none for anybody. */
  readonly figures: readonly number[]
  /** Folds so far. */
  readonly done: number
  /** What it said about the rows of those folds: probabilities row by row, or numbers. */
  readonly said: readonly Float64Array[]
  /** Time so far, waiting not counted. */
  readonly seconds: number
  readonly ended: Judged | undefined
  /** Judges one more fold; what cannot be learned, or not in time, ends the attempt. */
  next(limits: Limits): Promise<void>
  /** The first end counts. */
  end(status: Judged['status'], reason?: string): Judged
}

export interface Limits {
  /** On the clock's `elapsedMs`, asked when the turn comes: a fit that runs past it is stopped. */
  readonly deadlineMs: () => number
  readonly step: Step
}

export type Judged = Pick<Trial, 'status' | 'value' | 'std_error' | 'folds' | 'rows' | 'seconds' | 'reason'>

export function createJudge(options: JudgeOptions): Judge {
  const { rows, columns, folds, fits } = options
  const encode = openFolds({ rows, columns, folds, memory: fits.memory })
  return {
    rows: rows.table.rows,
    folds: folds.length,
    pass: options.pass ?? folds.length,
    learnedIn: (fold) => selectTarget(rows.target, folds[fold]!.train),
    targetOf: (fold) => selectTarget(rows.target, folds[fold]!.test),
    figure: (fold, said, candidate) => figureOf(options, fold, { said, candidate }),
    open: (candidate) => openAttempt(options, encode, candidate),
  }
}

interface Answered {
  readonly said: Float64Array
  /** Who said it. */
  readonly candidate: Pick<Candidate, 'hyperparameters'>
}

function figureOf({ rows, folds, metric }: JudgeOptions, fold: number, answered: Answered): number | undefined {
  const { train, test } = folds[fold]!
  const predictions = predictionsOf(answered, selectTarget(rows.target, train))
  return measure(selectTarget(rows.target, test), predictions).metrics[metric]
}

/** @param learned the target of the rows that were learned from. */
function predictionsOf({ said, candidate: { hyperparameters } }: Answered, learned: Target): Predictions {
  if (learned.task === 'regression') return { task: learned.task, values: said }
  const { weights: sampleWeights, classes } = learned
  const preferred = preferences(learned, { hyperparameters, ...(sampleWeights && { sampleWeights }) })
  return { task: learned.task, probabilities: said, labels: answersOf(said, classes.length, preferred) }
}

function openAttempt(options: JudgeOptions, encode: FoldEncoder, candidate: Candidate): Attempt {
  const { rows, fits, clock, metric, folds } = options
  const figures: number[] = []
  const said: Float64Array[] = []
  let done = 0
  let ms = 0
  let ended: Judged | undefined
  // What the first fold decided holds for the others: deciding it again takes most of the time, and those are few numbers.
  let settled: Candidate['hyperparameters'] = {}
  const end = (status: Judged['status'], reason?: string): Judged => {
    const nowhere = status === 'complete' && figures.length === 0
    ended ??= {
      ...judgedFigures(figures),
      status: nowhere ? 'failed' : status,
      rows: rows.table.rows,
      seconds: Math.round(ms) / 1000,
      ...(reason !== undefined && { reason }),
      ...(nowhere && { reason: `the metric "${metric}" is not defined in any fold` }),
    }
    return ended
  }
  return {
    candidate,
    figures,
    said,
    end,
    get done() {
      return done
    },
    get seconds() {
      return ms / 1000
    },
    get ended() {
      return ended
    },
    next: (limits) =>
      fits.turn(async () => {
        const startedMs = clock.elapsedMs()
        try {
          const hyperparameters = { ...candidate.hyperparameters, ...settled }
          const own = { ...candidate, hyperparameters }
          const { values, ...decided } = await judgeFold(options, { candidate: own, fold: done, encode, limits })
          settled = { ...settled, ...decided.settled }
          const figure = figureOf(options, done, { said: values, candidate })
          if (figure !== undefined) figures.push(figure)
          said.push(values)
          done++
        } catch (error) {
          const failure = asFailure(error)
          if (failure.code === 'OVERTIME') end(...overtime(done, folds.length))
          else if (failure.kind === 'invalid') end('failed', failure.message)
          else throw error
        } finally {
          ms += clock.elapsedMs() - startedMs
        }
        if (done === folds.length) end('complete')
      }),
  }
}

function overtime(done: number, folds: number): [Judged['status'], string] {
  if (done === 0) return ['skipped', 'no time was left']
  return ['complete', `no time was left after ${done} of ${folds} folds`]
}

export function judgedFigures(figures: readonly number[]): Pick<Judged, 'value' | 'std_error' | 'folds'> {
  if (figures.length === 0) return { value: null, std_error: null, folds: [] }
  const { mean, error } = figuresOf(figures)
  return { value: mean, std_error: error, folds: [...figures] }
}

interface FoldTask {
  readonly candidate: Candidate
  readonly fold: number
  readonly encode: FoldEncoder
  readonly limits: Limits
}

async function judgeFold(options: JudgeOptions, task: FoldTask): Promise<Said> {
  const { spec, learners, rows, folds, fits } = options
  const { candidate, fold, encode, limits } = task
  const deadlineMs = limits.deadlineMs()
  const { target } = rows
  const { train } = folds[fold]!
  const choices = encodingOf(candidate, { learners, task: target.task })
  const encoded = await encode(fold, choices, (fraction) => limits.step(fraction * 0.3))
  const said = await fits.fit({
    candidate,
    seed: spec.evaluation.seed,
    train: encoded.train,
    heldOut: encoded.heldOut,
    features: encoded.encoding.features,
    target: selectTarget(target, train),
    deadlineMs,
    step: (fraction) => limits.step(0.3 + fraction * 0.7),
  })
  if (!said.values.every(Number.isFinite)) {
    const problem = `cannot be learned by ${candidate.algorithm}, which answers what is no number`
    throw unfit({ column: spec.target, problem, remedy: 'choose other settings, or another algorithm' })
  }
  return said
}
