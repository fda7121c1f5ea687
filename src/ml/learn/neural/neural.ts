// A multilayer perceptron over the encoded features; over text, whose features are words weighted by TF-IDF, its first
// layer is a bag of embeddings. Learned by Adam on mini-batches, as scikit-learn's MLPClassifier and MLPRegressor.
import { fail } from '../../../core/failure.ts'
import { seededRandom } from '../../../core/random.ts'
import type { Matrix } from '../../matrix.ts'
import { checkData, unlearnable } from '../check-data.ts'
import { innerFolds } from '../inner-folds.ts'
import type { FitInput, FittedModel, LearningTarget } from '../learner.ts'
import { rowWeights, totalled } from '../row-weights.ts'
import { fillSettings } from '../settings.ts'
import type { GraphOptions } from './graph.ts'
import { type Lesson, learn } from './learning.ts'
import { networkModel } from './model.ts'
import { cut, energyOf, initialise } from './network.ts'
import { NeuralSettings } from './settings.ts'

/** Three values are kept of each weight, and the best ones once more. */
const MAX_WEIGHTS = 32_000_000
/** With fewer rows a tenth of them would judge by luck. */
const MIN_JUDGED_ROWS = 20

/**
 * Classification minimises the weighted mean of −log softmax, regression that of half the squared error of the
 * standardised target. Needs `engine`. Throws `invalid` TRAINING_DIVERGED when the weights leave the numbers.
 */
export async function fitNeural(input: FitInput): Promise<FittedModel> {
  checkData(input)
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
  const { lesson, unit } = lessonOf(input, matrix, settings)
  const graph: GraphOptions = {
    shape,
    task: target.task,
    dropout: settings.dropout > 0 && settings.hidden_layers.length > 0,
    weightDecay: settings.weight_decay > 0,
  }
  const random = seededRandom(seed)
  const start = initialise(shape, energyOf(matrix), random)
  const batchSize = settings.batch_size || batchSizeFor(lesson.learn.length)
  const learned = await learn(lesson, start, { graph, settings, batchSize, engine, random, hooks })
  hooks.onProgress?.({ iteration: learned.epochs, loss: 0, done: 1 })
  return networkModel(
    {
      shape,
      parameters: learned.parameters,
      unit,
      iterations: learned.epochs,
      converged: learned.stoppedEarly || lesson.judge.length === 0,
      warnings: warningsOf(learned.stoppedEarly, lesson, settings),
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

function warningsOf(stoppedEarly: boolean, { judge }: Lesson, { epochs }: NeuralSettings): string[] {
  if (stoppedEarly || judge.length === 0) return []
  return [`After ${epochs} epochs the loss on rows kept aside was still falling: more epochs may be better`]
}

/** A power of two. */
function batchSizeFor(rows: number): number {
  return Math.max(16, Math.min(256, 2 ** Math.floor(Math.log2(Math.max(1, rows / 50)))))
}

interface Prepared {
  readonly lesson: Lesson
  readonly unit: { readonly scale: number; readonly centre: number }
}

function lessonOf({ target, sampleWeights, seed = 0 }: FitInput, matrix: Matrix, settings: NeuralSettings): Prepared {
  const { weights, total } =
    target.task === 'classification'
      ? rowWeights(target, sampleWeights, settings.class_weight)
      : totalled(matrix.rows, sampleWeights)
  const mean = total / matrix.rows
  const parts = divide(target, matrix.rows, { seed, judged: settings.early_stopping > 0 })
  const unit = target.task === 'regression' ? unitOf(target.values, weights, total) : { scale: 1, centre: 0 }
  const answers =
    target.task === 'classification'
      ? target.labels
      : Float32Array.from(target.values, (value) => (value - unit.centre) / unit.scale)
  return {
    unit,
    lesson: {
      matrix,
      answers,
      weights: Float32Array.from({ length: matrix.rows }, (_, row) => (weights ? weights[row]! / mean : 1)),
      ...parts,
    },
  }
}

function divide(target: LearningTarget, rows: number, { seed, judged }: { seed: number; judged: boolean }) {
  const all = { learn: Uint32Array.from({ length: rows }, (_, row) => row), judge: new Uint32Array(0) }
  if (!judged || rows < 10 * MIN_JUDGED_ROWS) return all
  const labels = target.task === 'classification' ? { labels: target.labels } : {}
  return innerFolds(rows, { ...labels, seed, folds: 10 })[0]!
}

/** Mean and standard deviation of the target. */
function unitOf(values: Float64Array, weights: Float64Array | undefined, total: number): Prepared['unit'] {
  const weight = (row: number) => (weights ? weights[row]! : 1)
  const centre = values.reduce((sum, value, row) => sum + weight(row) * value, 0) / total
  const square = values.reduce((sum, value, row) => sum + weight(row) * (value - centre) ** 2, 0) / total
  return { centre, scale: Math.sqrt(square) || 1 }
}
