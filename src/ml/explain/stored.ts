// Two files beside a model file. explanation.json: the background rows and the global figures. explainer.json: what explaining
// needs and the model file does not hold (which feature is which column, the training rows behind every node). They are two
// because the second may be large: its arrays are base64 of their bytes, since a forest has millions of nodes.
import type {
  BackgroundOrigin,
  ExplanationMethod,
  ScoreSpace,
  VersionExplanation,
} from '../../contract/explanations.ts'
import type { TreeEnsemble } from '../learn/trees/ensemble.ts'
import type { Link, SumModel, SumPart } from './scores.ts'
import { type ShapTree, SPLIT, type TreeModel } from './trees.ts'

export interface StoredExplanation {
  readonly schema_version: 1
  readonly background: {
    readonly origin: BackgroundOrigin
    readonly dataset_id?: string
    /** Values in the order of the signature, as a caller would send them. */
    readonly rows: readonly (readonly unknown[])[]
  }
  readonly report: StoredReport
}

/** Of versions trained here whose learner can be taken apart. */
export interface StoredExplainer {
  readonly schema_version: 1
  /** The features inside the model file. */
  readonly features: StoredFeatures
  readonly learner: StoredLearner
}

export interface StoredFeatures {
  /** Name of the value in the graph. */
  readonly value: string
  readonly names: readonly string[]
  /** Position of the column in the signature, for each feature. */
  readonly columns: readonly number[]
}

export type StoredLearner =
  | {
      readonly kind: 'trees'
      readonly link: Link
      readonly base: readonly number[]
      readonly trees: readonly StoredTree[]
    }
  | { readonly kind: 'linear'; readonly means: string }
  | { readonly kind: 'sum'; readonly parts: readonly StoredPart[] }

/** A member of an average of log odds. */
export interface StoredPart {
  readonly share: number
  readonly start: number
  readonly width: number
  readonly learner: StoredTrees | StoredWeights
}

interface StoredWeights {
  readonly kind: 'weights'
  readonly weights: string
  readonly bias: string
  readonly means: string
}

interface StoredTree {
  readonly output: number
  readonly feature: string
  readonly threshold: string
  readonly missing_left: string
  readonly left: string
  readonly right: string
  readonly value: string
  readonly cover: string
  /** Node → the categories that go left. */
  readonly categories: Readonly<Record<string, readonly number[]>>
}

export type StoredReport = Pick<VersionExplanation, 'metric' | 'rows' | 'importance' | 'partial_dependence'> & {
  readonly method: ExplanationMethod | null
  readonly space: ScoreSpace | null
}

export const NO_REPORT: StoredReport = {
  method: null,
  space: null,
  metric: null,
  rows: 0,
  importance: [],
  partial_dependence: [],
}

type Numbers = Float32Array | Float64Array | Int32Array | Uint8Array

export function toBase64({ buffer, byteOffset, byteLength }: Numbers): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

/** The bytes as an array of their own: they may stand anywhere in a shared buffer. */
function bytesOf(text: string): ArrayBuffer {
  const bytes = Buffer.from(text, 'base64')
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer
}

export const float32s = (text: string): Float32Array => new Float32Array(bytesOf(text))

type StoredTrees = Extract<StoredLearner, { kind: 'trees' }>

export function storeTrees({ link, base, trees }: TreeEnsemble): StoredTrees {
  return {
    kind: 'trees',
    // A forest that tells two classes apart has one score, which is the chance of the second.
    link: link === 'share' && base.length === 1 ? 'chance' : link,
    base: [...base],
    trees: trees.map((tree) => ({
      output: tree.output,
      feature: toBase64(tree.feature),
      threshold: toBase64(tree.threshold),
      missing_left: toBase64(tree.missingLeft),
      left: toBase64(tree.left),
      right: toBase64(tree.right),
      value: toBase64(tree.value),
      cover: toBase64(Float32Array.from(tree.cover)),
      categories: Object.fromEntries(
        tree.categories.flatMap((set, node) => (set === undefined ? [] : [[node, [...set]] as const])),
      ),
    })),
  }
}

export function restoreTrees(stored: StoredTrees, width: number): TreeModel {
  return {
    width,
    outputs: stored.base.length,
    base: Float64Array.from(stored.base),
    trees: stored.trees.map(restoreTree),
  }
}

export function restoreSum(parts: readonly StoredPart[], width: number): SumModel {
  const part = ({ share, start, width, learner }: StoredPart): SumPart => {
    if (learner.kind === 'trees') {
      return { share, start, model: { kind: 'trees', link: 'sigmoid', trees: restoreTrees(learner, width) } }
    }
    const linear = { width, outputs: 1, weights: float32s(learner.weights), bias: float32s(learner.bias) }
    return { share, start, model: { kind: 'linear', link: 'sigmoid', linear, means: float32s(learner.means) } }
  }
  return { kind: 'sum', link: 'sigmoid', width, parts: parts.map(part) }
}

function restoreTree(stored: StoredTree): ShapTree {
  const feature = new Int32Array(bytesOf(stored.feature))
  const sets = new Map(Object.entries(stored.categories).map(([node, set]) => [Number(node), new Set(set)]))
  return {
    feature,
    split: Uint8Array.from(feature, (_, node) => (sets.has(node) ? SPLIT.member : SPLIT.leq)),
    threshold: Float64Array.from(float32s(stored.threshold)),
    sets,
    missingYes: new Uint8Array(bytesOf(stored.missing_left)),
    yes: new Int32Array(bytesOf(stored.left)),
    no: new Int32Array(bytesOf(stored.right)),
    cover: Float64Array.from(float32s(stored.cover)),
    output: stored.output,
    values: Float64Array.from(float32s(stored.value)),
  }
}
