// The loop over epochs: in which order the rows come, when it is enough, and which weights are kept.
import { shuffle } from '../../../core/random.ts'
import type { InnerFold } from '../inner-folds.ts'
import type { Parameters } from './network.ts'
import { type EpochHeard, type Examples, type LearningOptions, openTrainer, type State } from './trainer.ts'

export interface Learned {
  readonly parameters: Parameters
  readonly epochs: number
  /** The judged loss fell no more before the last epoch that was allowed. */
  readonly stoppedEarly: boolean
}

/** Every row, every epoch. */
export async function learnAll(examples: Examples, start: Parameters, options: LearningOptions): Promise<Learned> {
  await using trainer = await openTrainer(examples, options)
  const state = trainer.begin(start)
  const { epochs } = options.settings
  const order = allRows(examples)
  for (let epoch = 1; epoch <= epochs; epoch++) {
    shuffle(order, options.random)
    await trainer.learn(state, order, heardOf(options, { epoch, epochs }))
  }
  return { parameters: state, epochs, stoppedEarly: false }
}

/** Judged after every epoch by rows that are not learned from; the best weights are kept. */
export async function learnJudged(
  examples: Examples,
  start: Parameters,
  { learn, judge, ...options }: LearningOptions & InnerFold,
): Promise<Learned> {
  await using trainer = await openTrainer(examples, options)
  const state = trainer.begin(start)
  const { epochs, early_stopping: patience } = options.settings
  const order = Uint32Array.from(learn)
  let best = { parameters: copyOf(state), loss: Number.POSITIVE_INFINITY, epoch: 0 }
  for (let epoch = 1; epoch <= epochs; epoch++) {
    shuffle(order, options.random)
    await trainer.learn(state, order, heardOf(options, { epoch, epochs }))
    const loss = await trainer.judge(state, judge)
    if (loss < best.loss) best = { parameters: copyOf(state), loss, epoch }
    else if (epoch - best.epoch >= patience) return { parameters: best.parameters, epochs: epoch, stoppedEarly: true }
  }
  return { parameters: best.parameters, epochs, stoppedEarly: false }
}

/**
 * Few rows cannot spare a part, and a part of them judges by luck: a network for each fold learns on the others, all an epoch at a time,
 * until the loss of all rows falls no more. One that learns from every row then stops after as many epochs as were best.
 */
export async function learnByFolds(
  examples: Examples,
  newStart: () => Parameters,
  { folds, ...options }: LearningOptions & { readonly folds: readonly InnerFold[] },
): Promise<Learned> {
  await using trainer = await openTrainer(examples, options)
  const { epochs, early_stopping: patience } = options.settings
  const share = folds.length / (folds.length + 1)
  const learners = folds.map(({ learn, judge }) => ({
    state: trainer.begin(newStart()),
    order: Uint32Array.from(learn),
    judge,
  }))
  let best = { loss: Number.POSITIVE_INFINITY, epoch: 0 }
  let epoch = 0
  while (epoch < epochs && epoch - best.epoch < patience) {
    epoch++
    let loss = 0
    for (const [k, { state, order, judge }] of learners.entries()) {
      shuffle(order, options.random)
      const part = { from: (share * (epoch - 1 + k / folds.length)) / epochs, share: share / epochs / folds.length }
      await trainer.learn(state, order, heardOf(options, { epoch, epochs, part }))
      loss += judge.length * (await trainer.judge(state, judge))
    }
    if (loss < best.loss) best = { loss, epoch }
  }
  const state = trainer.begin(newStart())
  const order = allRows(examples)
  for (let again = 1; again <= best.epoch; again++) {
    shuffle(order, options.random)
    const part = { from: share + ((1 - share) * (again - 1)) / best.epoch, share: (1 - share) / best.epoch }
    await trainer.learn(state, order, heardOf(options, { epoch: again, epochs, part }))
  }
  return { parameters: state, epochs: best.epoch, stoppedEarly: epoch - best.epoch >= patience }
}

const allRows = ({ matrix }: Examples) => Uint32Array.from({ length: matrix.rows }, (_, row) => row)

const copyOf = ({ table, rest }: State): Parameters => ({ table: table.slice(), rest: rest.slice() })

interface Place {
  readonly epoch: number
  readonly epochs: number
  /** Of all the work, where the pass begins and how much it is; absent where an epoch is as much as the next. */
  readonly part?: { readonly from: number; readonly share: number }
}

function heardOf({ hooks }: LearningOptions, { epoch, epochs, part }: Place): EpochHeard {
  const { from, share } = part ?? { from: (epoch - 1) / epochs, share: 1 / epochs }
  return (loss, seen) => hooks.onProgress?.({ iteration: epoch, loss, done: from + share * seen })
}
