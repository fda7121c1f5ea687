// A multilayer perceptron over the encoded features; over text, whose features are words weighted by TF-IDF, its first
// layer is a bag of embeddings. Learned by Adam on mini-batches, as scikit-learn's MLPClassifier and MLPRegressor.
import { fail } from '../../../core/failure.ts'
import { seededRandom } from '../../../core/random.ts'
import type { Matrix } from '../../matrix.ts'
import { checkData, unlearnable } from '../check-data.ts'
import { type InnerFold, innerFolds } from '../inner-folds.ts'
import type { FitInput, FittedModel } from '../learner.ts'
import { rowWeights, totalled } from '../row-weights.ts'
import { rowsThatCount } from '../sample.ts'
import { fillSettings } from '../settings.ts'
import type { GraphOptions } from './graph.ts'
import { learnAll, learnByFolds, learnJudged } from './learning.ts'
import { networkModel } from './model.ts'
import { cut, energyOf, initialise, type Parameters } from './network.ts'
import { NeuralSettings } from './settings.ts'
import type { Examples, LearningOptions } from './trainer.ts'

/** Three values are kept of each weight, and the best ones once more. */
const MAX_WEIGHTS = 32_000_000
/** Fewer would judge by luck, even all of them. */
const MIN_JUDGED_ROWS = 20
/** With fewer a tenth of them would judge by luck. */
const FOLDS_BELOW = 1000

/**
 * Classification minimises the weighted mean of −log softmax, regression that of half the squared error of the
 * standardised target. Needs `engine`. Throws `invalid` TRAINING_DIVERGED when the weights leave the numbers.
 */
export async function fitNeural(given: FitInput): Promise<FittedModel> {
  checkData(given)
  const input = rowsThatCount(given)
  const { target, engine, hyperparameters = {}, seed = 0, hooks = {} } = input
  if (!engine)
    throw fail('internal', 'ENGINE_MISSING', 'A neural network is learned by a graph engine, and none was given')
  const settings = fillSettings(NeuralSettings, hyperparameters)
  const matrix = cut(input.matrix)
  const outputs = target.task === 'classification' ? target.classes.length : 1
  const shape = {
    sizes: [matrix.cols, ...settings.hidden_layers, outputs],
    activation: settings.activation,
    sparse: matrix.form === 'csr',
  }
  checkSize(shape.sizes)
  const { examples, unit } = examplesOf(input, matrix, settings)
  const graph: GraphOptions = {
    shape,
    task: target.task,
    dropout: settings.dropout > 0 && settings.hidden_layers.length > 0,
    weightDecay: settings.weight_decay > 0,
  }
  const random = seededRandom(seed)
  const energy = energyOf(matrix)
  const newStart = () => initialise(shape, energy, random)
  const judging = judgingOf(input, settings)
  const learning = judging.by === 'part' ? judging.fold.learn.length : matrix.rows
  const options = { graph, settings, batchSize: settings.batch_size || batchSizeFor(learning), engine, random, hooks }
  const learned = await learnWith(judging, examples, newStart, options)
  hooks.onProgress?.({ iteration: learned.epochs, loss: 0, done: 1 })
  const isEnough = learned.stoppedEarly || judging.by === 'nothing'
  return networkModel(
    {
      shape,
      parameters: learned.parameters,
      unit,
      iterations: learned.epochs,
      converged: isEnough,
      warnings: isEnough
        ? []
        : [`After ${settings.epochs} epochs the loss on rows kept aside was still falling: more epochs may be better`],
    },
    target,
  )
}

function checkSize(sizes: readonly number[]): void {
  const weights = sizes.slice(1).reduce((sum, outputs, l) => sum + (sizes[l]! + 1) * outputs, 0)
  if (weights <= MAX_WEIGHTS) return
  const problem = `${sizes.join(' × ')} units are ${weights} weights, more than ${MAX_WEIGHTS}`
  throw unlearnable(problem, 'choose narrower hidden_layers, or encode fewer terms and categories')
}

/** A power of two. */
function batchSizeFor(rows: number): number {
  return Math.max(16, Math.min(256, 2 ** Math.floor(Math.log2(Math.max(1, rows / 50)))))
}

interface Prepared {
  readonly examples: Examples
  readonly unit: { readonly scale: number; readonly centre: number }
}

function examplesOf({ target, sampleWeights }: FitInput, matrix: Matrix, settings: NeuralSettings): Prepared {
  const { weights, total } =
    target.task === 'classification'
      ? rowWeights(target, sampleWeights, settings.class_weight)
      : totalled(matrix.rows, sampleWeights)
  const mean = total / matrix.rows
  const unit = target.task === 'regression' ? unitOf(target.values, weights, total) : { scale: 1, centre: 0 }
  const answers =
    target.task === 'classification'
      ? target.labels
      : Float32Array.from(target.values, (value) => (value - unit.centre) / unit.scale)
  return {
    unit,
    examples: {
      matrix,
      answers,
      weights: Float32Array.from({ length: matrix.rows }, (_, row) => (weights ? weights[row]! / mean : 1)),
    },
  }
}

/** What says after how many epochs it is enough. */
type Judging =
  | { readonly by: 'nothing' }
  | { readonly by: 'part'; readonly fold: InnerFold }
  | { readonly by: 'folds'; readonly folds: readonly InnerFold[] }

function judgingOf({ target, matrix: { rows }, seed = 0 }: FitInput, { early_stopping }: NeuralSettings): Judging {
  if (early_stopping === 0 || rows < MIN_JUDGED_ROWS) return { by: 'nothing' }
  const labels = target.task === 'classification' ? { labels: target.labels } : {}
  if (rows < FOLDS_BELOW) return { by: 'folds', folds: innerFolds(rows, { ...labels, seed }) }
  return { by: 'part', fold: innerFolds(rows, { ...labels, seed, folds: 10 })[0]! }
}

function learnWith(judging: Judging, examples: Examples, newStart: () => Parameters, options: LearningOptions) {
  if (judging.by === 'nothing') return learnAll(examples, newStart(), options)
  if (judging.by === 'part') return learnJudged(examples, newStart(), { ...options, ...judging.fold })
  return learnByFolds(examples, newStart, { ...options, folds: judging.folds })
}

/** Mean and standard deviation of the target. */
function unitOf(values: Float64Array, weights: Float64Array | undefined, total: number): Prepared['unit'] {
  const weight = (row: number) => (weights ? weights[row]! : 1)
  const centre = values.reduce((sum, value, row) => sum + weight(row) * value, 0) / total
  const square = values.reduce((sum, value, row) => sum + weight(row) * (value - centre) ** 2, 0) / total
  return { centre, scale: Math.sqrt(square) || 1 }
}
