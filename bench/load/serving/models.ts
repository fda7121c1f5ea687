// The models of the serving benchmark: perceptrons of any width, and rows as the Adult table has them.
import { GraphBuilder } from '../../../src/ml/onnx/graph.ts'

export const SMALL = [16, 64, 64, 1]
/** 21 MB of weights. */
export const LARGE = [64, 2048, 2048, 512, 1]

/** `x` [N, widths[0]] → Gemm, Relu, …, Gemm → `y` [N, last width], float32, weights from a fixed sequence. */
export function perceptron(widths: readonly number[], seed = 1): Uint8Array {
  const graph = new GraphBuilder()
  let value = graph.input('x', 'float32', ['N', widths[0]!])
  let state = seed
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state / 2 ** 31
  }
  for (let layer = 1; layer < widths.length; layer++) {
    const [rows, columns] = [widths[layer - 1]!, widths[layer]!]
    const scale = Math.sqrt(2 / rows)
    const w = Float32Array.from({ length: rows * columns }, () => next() * scale)
    const b = Float32Array.from({ length: columns }, () => next() * 0.1)
    const weights = graph.constant(`w${layer}`, { type: 'float32', dims: [rows, columns], data: w })
    const bias = graph.constant(`b${layer}`, { type: 'float32', dims: [columns], data: b })
    value = graph.node('Gemm', [value, weights, bias])
    if (layer < widths.length - 1) value = graph.node('Relu', [value])
  }
  graph.output('y', value, 'float32', ['N', widths.at(-1)!])
  return graph.build({ name: `perceptron ${widths.join('-')}` })
}

const COLUMNS = 14
const LETTERS = ['north', 'east', 'south', 'west']

/** Half numbers, half words, as the Adult table has. */
export function namedRow(i: number): Record<string, number | string> {
  const columns: Record<string, number | string> = {}
  for (let c = 0; c < COLUMNS; c++) columns[`c${c}`] = c % 2 === 0 ? ((i * (c + 3)) % 97) / 7 : LETTERS[(i + c) % 4]!
  return columns
}

export function floatRow(i: number, width: number): number[] {
  return Array.from({ length: width }, (_, k) => Math.round(Math.sin(i * 13 + k) * 1e4) / 1e4)
}
