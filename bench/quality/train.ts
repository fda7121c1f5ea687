// One model on one set: encode, fit, write the graph, and judge what ONNX Runtime says about the held-out rows, so that the
// figures are those of the file that would be served.
import { encodingOf } from '../../src/domain/training/pipeline/learners.ts'
import { measure } from '../../src/domain/training/pipeline/measure.ts'
import { collectPredictions, readOutputs } from '../../src/domain/training/pipeline/predictions.ts'
import { columnFeeds, encodeTable, fitEncoding } from '../../src/ml/encode/index.ts'
import { ALGORITHMS, type AlgorithmName } from '../../src/ml/learn/index.ts'
import { evaluateClassification, evaluateRegression } from '../../src/ml/metrics/index.ts'
import { GraphBuilder } from '../../src/ml/onnx/graph.ts'
import { graphEngine } from '../../src/runtime/graph-engine.ts'
import { openSession } from '../../src/runtime/in-process.ts'
import type { QualityRows } from './rows.ts'

export interface Outcome {
  readonly metrics: Readonly<Record<string, number>>
  readonly features: number
  readonly iterations: number
  readonly converged: boolean
}

/** Rows of one run of the graph: a wide text encoding is dense while it is served. */
const CHUNK_NUMBERS = 4_000_000

export interface Trained {
  readonly algorithm: AlgorithmName
  readonly hyperparameters?: Readonly<Record<string, unknown>>
  readonly seed?: number
}

/** @param trained default: the linear model of the task, as it comes. */
export async function trainAndJudge({ columns, train, test }: QualityRows, trained?: Trained): Promise<Outcome> {
  const linear = train.target.task === 'classification' ? 'logistic_regression' : 'linear_regression'
  const { algorithm, hyperparameters = {}, seed = 0 } = trained ?? { algorithm: linear }
  const plan = encodingOf({ algorithm, hyperparameters }, { learners: undefined, task: train.target.task })
  const encoding = fitEncoding(train.table, columns, plan)
  const encoder = await openSession(encoding.trainingGraph().bytes)
  const run: Parameters<typeof encodeTable>[2] = async (feeds, fetches) =>
    (await encoder.run(feeds, { fetches })).outputs
  const matrix = await encodeTable(encoding, train.table, run)
  await encoder.close()
  const { features } = encoding
  const learning = { matrix, features, target: train.target, hyperparameters, seed, engine: graphEngine }
  const model = await ALGORITHMS[algorithm].fit(learning)
  const graph = new GraphBuilder()
  model.write(graph, encoding.write(graph))
  const session = await openSession(graph.build({ name: 'quality' }))
  const classes = train.target.task === 'classification' ? train.target.classes : undefined
  const names = classes ? ['label', 'probabilities'] : ['prediction']
  const collected = collectPredictions(test.table.rows, classes)
  const step = Math.max(1, Math.floor(CHUNK_NUMBERS / encoding.width))
  for (let from = 0; from < test.table.rows; from += step) {
    const to = Math.min(test.table.rows, from + step)
    const { outputs } = await session.run(columnFeeds(test.table, encoding.inputs, from, to), { fetches: names })
    const rows = Uint32Array.from({ length: to - from }, (_, i) => from + i)
    collected.add(rows, readOutputs(outputs, names, classes))
  }
  await session.close()
  const { metrics } = measure(test.target, collected.predictions)
  const { iterations, converged } = model
  return { metrics, features: encoding.width, iterations, converged }
}

/** @param said probabilities row by row, of which the greatest is the answer; or numbers. */
export function judge(target: QualityRows['test']['target'], said: Float64Array): Readonly<Record<string, number>> {
  if (target.task === 'regression') return evaluateRegression({ actual: target.values, predicted: said }).metrics
  const { labels, classes } = target
  return evaluateClassification({ labels, classes, probabilities: said }).metrics
}
