// The first layer over sparse features: a bag of embeddings, one row of weights for each feature and one for the
// constants. In TypeScript and not in the graph, because ONNX Runtime has no products with sparse matrices: over 15,000
// questions of some hundred n-grams out of 30,832 this takes a tenth of the time of the same step with dense ones. Adam is
// lazy: a row that no text of the batch uses stays as it is, and so do its means.
import type { SparseMatrix } from '../../matrix.ts'
import { BETA1, BETA2, EPSILON } from './graph.ts'

export interface Bag {
  /** [rows, width]: constants + features × weights. */
  forward(rows: Uint32Array): Float32Array
  /** A step of Adam; `slope` is the derivative of the loss by what `forward` gave for the same rows. */
  learn(rows: Uint32Array, slope: Float32Array, speed: Speed): void
}

export interface Speed {
  /** Step size with the corrections of Adam. */
  readonly rate: number
  /** Share of a weight that is taken off. */
  readonly decay: number
}

/** @param table [features + 1, width], changed in place by `learn`. */
export function bagOf({ cols, offsets, indices, values }: SparseMatrix, table: Float32Array): Bag {
  const width = table.length / (cols + 1)
  const m = new Float32Array(table.length)
  const v = new Float32Array(table.length)
  const place = new Int32Array(cols).fill(-1)
  return {
    forward(rows) {
      const out = new Float32Array(rows.length * width)
      for (let r = 0; r < rows.length; r++) {
        const start = r * width
        for (let k = 0; k < width; k++) out[start + k] = table[cols * width + k]!
        for (let i = offsets[rows[r]!]!; i < offsets[rows[r]! + 1]!; i++) {
          const value = values[i]!
          const at = indices[i]! * width
          for (let k = 0; k < width; k++) out[start + k]! += value * table[at + k]!
        }
      }
      return out
    },
    learn(rows, slope, speed) {
      const touched: number[] = []
      for (const row of rows) {
        for (let i = offsets[row]!; i < offsets[row + 1]!; i++) {
          const feature = indices[i]!
          if (place[feature]! < 0) place[feature] = touched.push(feature) - 1
        }
      }
      const gradient = new Float32Array((touched.length + 1) * width)
      const constants = touched.length * width
      for (let r = 0; r < rows.length; r++) {
        const start = r * width
        for (let k = 0; k < width; k++) gradient[constants + k]! += slope[start + k]!
        for (let i = offsets[rows[r]!]!; i < offsets[rows[r]! + 1]!; i++) {
          const value = values[i]!
          const at = place[indices[i]!]! * width
          for (let k = 0; k < width; k++) gradient[at + k]! += value * slope[start + k]!
        }
      }
      touched.forEach((feature, i) => {
        place[feature] = -1
        adam({ weights: table, m, v }, { at: feature * width, gradient, from: i * width, width, ...speed })
      })
      adam({ weights: table, m, v }, { at: cols * width, gradient, from: constants, width, ...speed, decay: 0 })
    },
  }
}

interface Means {
  readonly weights: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
}

interface RowStep extends Speed {
  readonly at: number
  readonly gradient: Float32Array
  readonly from: number
  readonly width: number
}

function adam({ weights, m, v }: Means, { at, gradient, from, width, rate, decay }: RowStep): void {
  for (let k = 0; k < width; k++) {
    const slope = gradient[from + k]!
    const i = at + k
    m[i] = BETA1 * m[i]! + (1 - BETA1) * slope
    v[i] = BETA2 * v[i]! + (1 - BETA2) * slope * slope
    weights[i]! -= (rate * m[i]!) / (Math.sqrt(v[i]!) + EPSILON) + decay * weights[i]!
  }
}
