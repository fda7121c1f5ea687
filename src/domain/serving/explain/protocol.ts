// What the serving thread and the explaining thread say to each other. Files are parsed and trees are walked there; models
// are run by the runtime as always.
import type { ExplanationMethod } from '../../../contract/explanations.ts'
import type { ColumnShare, FeatureMap } from '../../../ml/explain/columns.ts'
import type { OpenRequest } from '../../../ml/explain/open-explainer.ts'
import type { Link, ScoreModel } from '../../../ml/explain/scores.ts'
import type { FailureMessage } from '../../../runtime/engine-failure.ts'

/** Reads the files of a version. */
export interface OpenOrder extends Omit<OpenRequest, 'stored'> {
  readonly op: 'open'
  readonly key: string
  /** The bytes of explainer.json. */
  readonly stored: Uint8Array | null
}

export interface OpenReply {
  readonly exact: {
    readonly method: ExplanationMethod
    readonly link: Link
    readonly outputs: number
    /** The model file that answers the features, and the name of that answer. */
    readonly cut: Uint8Array
    readonly output: string
  } | null
  /** Why there is no exact explanation. */
  readonly why: string
}

/** Compares what was read with what the model answers for the background rows, and takes their averages where needed. */
export interface BeginOrder {
  readonly op: 'begin'
  readonly key: string
  readonly features: Float32Array
  readonly rows: number
  /** [row · classes + class], or one number a row. */
  readonly answers: Float64Array
}

export interface BeginReply {
  /** Greatest difference between an answer and what the scores say, relative to its size above 1. */
  readonly difference: number
  /** A model so small that the serving thread explains it itself. */
  readonly light?: LightModel
}

export interface LightModel {
  readonly model: ScoreModel
  readonly map: FeatureMap
  readonly columnNames: readonly string[]
}

export interface ExplainOrder {
  readonly op: 'explain'
  readonly key: string
  readonly features: Float32Array
  /** Output to explain, for each row. */
  readonly outputs: readonly number[]
}

export interface ExplainReply {
  readonly rows: readonly ExplainedRow[]
}

export interface ExplainedRow {
  readonly base: number
  readonly score: number
  readonly columns: readonly ColumnShare[]
}

export interface CloseOrder {
  readonly op: 'close'
  readonly key: string
}

export type Order = OpenOrder | BeginOrder | ExplainOrder | CloseOrder
export type Reply = OpenReply | BeginReply | ExplainReply | null

export interface Asked {
  readonly id: number
  readonly order: Order
}

export type Answered = { readonly id: number } & ({ readonly reply: Reply } | { readonly failure: FailureMessage })
