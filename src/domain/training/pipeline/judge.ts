// One configuration on the folds of the training rows. Encoded folds are kept, because most configurations want the same
// encoding and encoding takes longer than many a fit.
import type { ContractColumn } from '../../../contract/datasets.ts'
import type { Trial } from '../../../contract/evaluation.ts'
import type { Clock } from '../../../core/clock.ts'
import { asFailure } from '../../../core/failure.ts'
import type { EncodingChoices } from '../../../ml/encode/index.ts'
import type { Matrix } from '../../../ml/matrix.ts'
import type { Split } from '../../../ml/split/index.ts'
import { selectRows } from '../../../ml/table.ts'
import { figuresOf } from '../../../ml/tune/index.ts'
import { fitLearner, predictWith } from './fit.ts'
import { type Learners, taught } from './learners.ts'
import { measure } from './measure.ts'
import type { Step } from './progress.ts'
import { type Encoded, encodeRows, type Labelled } from './rows.ts'
import type { Candidate, TrainingSpec } from './spec.ts'
import { selectTarget } from './target.ts'

export interface JudgeOptions {
  readonly spec: TrainingSpec
  readonly learners: Learners | undefined
  readonly columns: readonly ContractColumn[]
  readonly rows: Labelled
  readonly folds: readonly Split[]
  readonly metric: string
  readonly clock: Clock
}

export interface Judge {
  readonly rows: number
  readonly folds: number
  judge(candidate: Candidate, options: Judging): Promise<Judged>
}

export interface Judging {
  /** On the clock's `elapsedMs`: a fit that runs past it is stopped. */
  readonly deadlineMs: number
  readonly step: Step
  /** Asked after each fold: true gives the configuration up. */
  readonly hopeless?: (folds: readonly number[]) => boolean
}

export type Judged = Pick<Trial, 'status' | 'value' | 'std_error' | 'folds' | 'rows' | 'seconds' | 'reason'>

/** Values of encoded matrices that are kept: 256 MB. */
const MAX_KEPT_VALUES = 64e6

export function createJudge(options: JudgeOptions): Judge {
  const { rows, folds, clock } = options
  const encode = keptFolds(options)
  return {
    rows: rows.table.rows,
    folds: folds.length,
    async judge(candidate, judging) {
      const startedMs = clock.elapsedMs()
      const values: number[] = []
      const ended = (status: Judged['status'], reason?: string): Judged => ({
        ...judgedFigures(values),
        status,
        rows: rows.table.rows,
        seconds: Math.round(clock.elapsedMs() - startedMs) / 1000,
        ...(reason !== undefined && { reason }),
      })
      for (const [k, fold] of folds.entries()) {
        const within: Step = (fraction) => judging.step((k + fraction) / folds.length)
        const late = k > 0 && clock.elapsedMs() + (clock.elapsedMs() - startedMs) / k > judging.deadlineMs
        if (late) return ended('complete', `no time was left for more than ${k} of ${folds.length} folds`)
        try {
          values.push(await judgeFold(options, { candidate, fold, encode, within, judging }))
        } catch (error) {
          const failure = asFailure(error)
          if (failure.code === 'OVERTIME') return overtime(values, ended)
          if (failure.kind !== 'invalid') throw error
          return ended('failed', failure.message)
        }
        if (k + 1 < folds.length && judging.hopeless?.(values)) {
          return ended('pruned', `worse than most others after ${k + 1} of ${folds.length} folds`)
        }
      }
      if (values.some((value) => !Number.isFinite(value))) {
        return ended('failed', `the metric "${options.metric}" is not defined in every fold`)
      }
      return ended('complete')
    },
  }
}

function overtime(values: readonly number[], ended: (status: Judged['status'], reason: string) => Judged): Judged {
  if (values.length === 0) return ended('skipped', 'no time was left')
  return ended('complete', `no time was left after ${values.length} folds`)
}

export function judgedFigures(values: readonly number[]): Pick<Judged, 'value' | 'std_error' | 'folds'> {
  const finite = values.length > 0 && values.every(Number.isFinite)
  if (!finite) return { value: null, std_error: null, folds: values.filter(Number.isFinite) }
  const { mean, error } = figuresOf(values)
  return { value: mean, std_error: error, folds: [...values] }
}

type FoldEncoder = (fold: Split, choices: EncodingChoices, step: Step) => Promise<Encoded>

interface FoldTask {
  readonly candidate: Candidate
  readonly fold: Split
  readonly encode: FoldEncoder
  readonly within: Step
  readonly judging: Judging
}

async function judgeFold(options: JudgeOptions, task: FoldTask): Promise<number> {
  const { spec, learners, rows, clock, metric } = options
  const { candidate, fold, encode, within, judging } = task
  const { fit, encoding: choices = {} } = taught(candidate.algorithm, learners)
  const encoded = await encode(fold, choices, (fraction) => within(fraction * 0.3))
  const { target } = rows
  const model = await fitLearner(fit, {
    spec: { ...spec, ...candidate },
    matrix: encoded.train,
    features: encoded.encoding.features,
    target: selectTarget(target, fold.train),
    step: (fraction) => within(0.3 + fraction * 0.7),
    overtime: () => clock.elapsedMs() > judging.deadlineMs,
  })
  const predictions = predictWith(model, encoded.heldOut, target.task)
  return measure(selectTarget(target, fold.test), predictions).metrics[metric] ?? Number.NaN
}

function keptFolds({ rows, columns }: JudgeOptions): FoldEncoder {
  const kept = new Map<string, Encoded>()
  const numbers = new Map<Split, number>()
  let values = 0
  return async (fold, choices, step) => {
    if (!numbers.has(fold)) numbers.set(fold, numbers.size)
    const key = `${numbers.get(fold)} ${JSON.stringify(choices)}`
    const found = kept.get(key)
    if (found) return found
    const { table } = rows
    const encoded = await encodeRows({
      columns,
      choices,
      train: selectRows(table, fold.train),
      heldOut: selectRows(table, fold.test),
      step,
    })
    values += sizeOf(encoded.train) + sizeOf(encoded.heldOut)
    if (values < MAX_KEPT_VALUES) kept.set(key, encoded)
    else values -= sizeOf(encoded.train) + sizeOf(encoded.heldOut)
    return encoded
  }
}

function sizeOf(matrix: Matrix): number {
  return matrix.values.length * (matrix.form === 'dense' ? 1 : 2)
}
