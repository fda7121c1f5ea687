// A fitted sum of trees as plain arrays: what predicts, what is written as ONNX and what explanations walk through.
// Thresholds and leaf values are float32 from the start, because that is what the model file holds.
import type { FeatureInfo } from '../../features.ts'

/** All arrays have one entry for each node; node 0 is the root. */
export interface Tree {
  /** The score this tree adds to: a class for `softmax`, else 0. */
  readonly output: number
  /** Feature a node splits on; -1 for a leaf. */
  readonly feature: Int32Array
  /** Numbers: a row goes left where its value is at most this. Unused (0) for leaves and category splits. */
  readonly threshold: Float32Array
  /** Categories: a row goes left where its category is one of these, ascending; undefined for leaves and number splits. */
  readonly categories: readonly (Int32Array | undefined)[]
  /** 1: a row whose value is missing (NaN) goes left. Category splits: 0, a missing category is a category. */
  readonly missingLeft: Uint8Array
  readonly left: Int32Array
  readonly right: Int32Array
  /** Leaves: what is added to the score, the learning rate already in it. 0 for inner nodes. */
  readonly value: Float32Array
  /** Summed weight of the training rows that came through the node, for explanations. */
  readonly cover: Float64Array
}

/**
 * `identity`: the score is the answer. `sigmoid`: its logistic is the probability of the second class. `softmax`: one score
 * a class. `exp`: the answer is e^score. `share`: scores are shares of the classes, to be divided by their sum; with two
 * classes there is one score, the share of the second.
 */
export type Link = 'identity' | 'sigmoid' | 'softmax' | 'exp' | 'share'

export interface TreeEnsemble {
  readonly features: readonly FeatureInfo[]
  readonly link: Link
  /** Score of each output before any tree is added. */
  readonly base: Float32Array
  readonly trees: readonly Tree[]
}
