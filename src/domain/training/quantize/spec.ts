// What the process that quantizes is told and what it answers: plain data, because both cross a process boundary.
import type { StoredEvaluation } from '../../../contract/evaluation.ts'
import type { Precision, Quantization } from '../../../contract/quantization.ts'
import type { Champion, ChampionResult, GateMetric, TrainingSpec } from '../pipeline/spec.ts'

export interface QuantizeSpec {
  /** The version a copy is made of. */
  readonly source: Champion
  readonly precision: Precision
  /** Where rows come from; absent where nothing is known of its data. */
  readonly rows?: MeasuredRows
  /** The live version, if it is another. */
  readonly champion?: Champion
  /** An existing directory; `model.onnx` is written into it. */
  readonly outputDir: string
}

export interface MeasuredRows {
  /** Only what says which rows and which target: nothing is learned. */
  readonly training: TrainingSpec
  /** Dataset columns, one for each input of the signature. */
  readonly columns: readonly string[]
  /** The rows held out when it was trained; else all of them. */
  readonly heldOut: boolean
}

export interface QuantizeOutcome {
  readonly artifact: { readonly path: string; readonly sha256: string; readonly bytes: number }
  readonly quantization: Omit<Quantization, 'gate' | 'metric'>
  readonly measured: Measured | { readonly unmeasured: string }
  readonly environment: Readonly<Record<string, string>>
}

export interface Measured {
  readonly metrics: Readonly<Record<string, number>>
  readonly gateMetric: GateMetric
  /** The same figure of the source. */
  readonly before: number
  readonly champion?: ChampionResult
  /** As a training would store it; absent where all rows of a dataset were used. */
  readonly evaluation?: Omit<StoredEvaluation, 'gate' | 'warnings'>
}
