// The shape of a network and its weights as they are trained: every layer is one matrix of (inputs + 1) rows, the last row
// being its constants. All layers lie behind each other in one vector, so that Adam is a dozen nodes and not a dozen a
// layer. Over sparse features the first layer is a table of its own, see bag.ts.
import type { Random } from '../../../core/random.ts'
import type { Matrix } from '../../matrix.ts'

export interface NetworkShape {
  /** Features, then hidden widths, then outputs. */
  readonly sizes: readonly number[]
  readonly activation: 'relu' | 'tanh'
  /** The first layer is a table. */
  readonly sparse: boolean
}

/** Values of weights, or of the two running means Adam keeps of each. */
export interface Parameters {
  /** [features + 1, first width]; empty where the features are dense. */
  readonly table: Float32Array
  /** The other layers. */
  readonly rest: Float32Array
}

export interface LayerPlace {
  readonly inputs: number
  readonly outputs: number
  /** In `rest`; -1 for the table. */
  readonly offset: number
}

export function layersOf({ sizes, sparse }: NetworkShape): LayerPlace[] {
  let next = 0
  return sizes.slice(1).map((outputs, l) => {
    const inputs = sizes[l]!
    if (sparse && l === 0) return { inputs, outputs, offset: -1 }
    const offset = next
    next += (inputs + 1) * outputs
    return { inputs, outputs, offset }
  })
}

export function emptyParameters(shape: NetworkShape): Parameters {
  let [table, rest] = [0, 0]
  for (const { inputs, outputs, offset } of layersOf(shape)) {
    if (offset < 0) table = (inputs + 1) * outputs
    else rest += (inputs + 1) * outputs
  }
  return { table: new Float32Array(table), rest: new Float32Array(rest) }
}

/** The matrix of one layer, not copied. */
export function layerWeights({ table, rest }: Parameters, { inputs, outputs, offset }: LayerPlace): Float32Array {
  return offset < 0 ? table : rest.subarray(offset, offset + (inputs + 1) * outputs)
}

/**
 * Normal weights that keep the size of what passes through (He et al. 2015; for tanh Glorot and Bengio 2010), constants
 * zero. So is the last layer: with few rows it is enough after some hundred steps, and until then random scores would be most of
 * what it says. `energy` is the mean squared length of a row of features: sparse rows are far shorter than they are wide.
 */
export function initialise(shape: NetworkShape, energy: number, random: Random): Parameters {
  const parameters = emptyParameters(shape)
  const gain = shape.activation === 'relu' ? 2 : 1
  for (const [l, layer] of layersOf(shape).slice(0, -1).entries()) {
    const weights = layerWeights(parameters, layer)
    const deviation =
      layer.offset < 0 ? 1 / layer.outputs : Math.sqrt(gain / (l === 0 ? Math.max(energy, 1) : layer.inputs))
    const count = layer.inputs * layer.outputs
    for (let i = 0; i < count; i++) weights[i] = deviation * random.normal()
  }
  return parameters
}

/** Mean squared length of a row. */
export function energyOf({ rows, values }: Matrix): number {
  let sum = 0
  for (let i = 0; i < values.length; i++) sum += values[i]! * values[i]!
  return sum / rows
}

/** Features are cut here: one absurd value must not blind a network whose other inputs are of size 1. */
export const CUT = 20

export function cut(matrix: Matrix): Matrix {
  const far = matrix.values.some((value) => value > CUT || value < -CUT)
  if (!far) return matrix
  return { ...matrix, values: matrix.values.map((value) => Math.max(-CUT, Math.min(CUT, value))) }
}
