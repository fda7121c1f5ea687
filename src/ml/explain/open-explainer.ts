// From the two files of a version to an explainer of its scores: the learner stored at its training, or read from the model
// file. The graph is cut at the features, so that one run of the cut file gives them.
import { type CutModel, cutModel } from '../onnx/cut.ts'
import { readGraph } from '../onnx/nodes.ts'
import type { FeatureMap } from './columns.ts'
import { type Learner, placesOf, readLearner } from './read-learner.ts'
import type { ScoreModel, SumModel } from './scores.ts'
import { float32s, restoreSum, restoreTrees, type StoredExplainer } from './stored.ts'

export interface ModelInput {
  readonly name: string
  /** Columns of the tensor. */
  readonly width: number
}

export interface OpenRequest {
  readonly model: Uint8Array
  readonly stored: StoredExplainer | null
  /** The inputs of the graph. */
  readonly inputs: readonly ModelInput[]
  /** Column of the signature at each place of an input, in the order of the signature. */
  readonly slots: readonly { readonly input: string; readonly column: number }[]
  readonly columnNames: readonly string[]
}

export interface Opened {
  readonly learner: Learner | SumModel
  /** Averages of the features of a linear model, where they are stored. */
  readonly means: Float32Array | null
  readonly map: FeatureMap
  /** The model file cut at the features, its only output. */
  readonly cut: CutModel
}

/** An explainable learner, or the reason why there is none. */
export function openExplainer(request: OpenRequest): Opened | string {
  const { model, stored } = request
  if (stored) {
    const { value, names, columns } = stored.features
    const cut = cutModel(model, value)
    const map = { names, columns }
    if (stored.learner.kind === 'sum') {
      return { learner: restoreSum(stored.learner.parts, names.length), means: null, map, cut }
    }
    if (stored.learner.kind === 'trees') {
      const trees = restoreTrees(stored.learner, names.length)
      return { learner: { kind: 'trees', features: value, link: stored.learner.link, trees }, means: null, map, cut }
    }
    const learner = readLearner(readGraph(model))
    if (typeof learner === 'string') return learner
    return { learner, means: float32s(stored.learner.means), map, cut }
  }
  const graph = readGraph(model)
  const learner = readLearner(graph)
  if (typeof learner === 'string') return learner
  const widths = new Map(request.inputs.map(({ name, width }) => [name, width]))
  const places = placesOf(graph, learner.features, widths)
  if (!places) return 'its features are not columns as they were given'
  const slots = new Map(request.slots.map(({ input, column }, i) => [`${column} ${input}`, i]))
  const columns = places.map(({ input, column }) => slots.get(`${column} ${input}`) ?? -1)
  if (columns.some((column) => column < 0)) return 'its features are not columns as they were given'
  const names = columns.map((column) => request.columnNames[column]!)
  return { learner, means: null, map: { names, columns }, cut: cutModel(model, learner.features) }
}

export function scoreModelOf({ learner }: Opened, means: ArrayLike<number>, width: number): ScoreModel {
  if (learner.kind === 'sum') return learner
  if (learner.kind === 'trees') return { kind: 'trees', link: learner.link, trees: { ...learner.trees, width } }
  return { kind: 'linear', link: learner.link, linear: learner.linear, means }
}
