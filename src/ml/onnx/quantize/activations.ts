// What flows into quantized nodes, quantized as it flows. Each row (token, image) has a step of its own, so that its answer
// does not depend on the rows it is batched with, which ONNX's DynamicQuantizeLinear cannot say: it has one step for the whole
// tensor. Values stay below 128, where sums of two products fit 16 bits: the kernels of older x86 processors saturate there.
import type { GraphNode } from '../nodes.ts'
import { ELEMENT_TYPES } from '../types.ts'
import type { Message } from '../wire.ts'
import type { GraphEdit } from './edit.ts'

/** Operators that answer nothing below zero: the whole range is theirs. */
const NEVER_NEGATIVE = new Set(['Relu', 'Sigmoid', 'HardSigmoid', 'Softmax', 'Softplus', 'Exp', 'Abs'])
/** Operators that pass on values of their first input, or averages of them. */
const PASSING = new Set([
  ...['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'Dropout', 'Identity'],
  ...['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze', 'Transpose'],
])
const MAX_STEPS_BACK = 16
/** Smaller inputs are nothing but rounding; it also keeps the division finite. */
const LEAST = 1e-30

export interface QuantizedActivation {
  /** uint8 */
  readonly values: string
  /** float32, one a row, with the reduced axes kept. */
  readonly step: string
  /** uint8 scalar */
  readonly zero: string
}

export class Activations {
  readonly #edit: GraphEdit
  readonly #reduceByInput: boolean
  readonly #known = new Map<string, QuantizedActivation>()
  readonly #constants = new Map<string, string>()

  /** @param opset version of ONNX's own operators: since 18 a reduction takes its axes as an input */
  constructor(edit: GraphEdit, opset: number) {
    this.#edit = edit
    this.#reduceByInput = opset >= 18
  }

  /** The nodes that are still missing go into `nodes`; a value that is quantized already is shared. */
  quantize(name: string, axes: readonly number[], nodes: Message[]): QuantizedActivation {
    const key = `${axes.join()} ${name}`
    const known = this.#known.get(key)
    if (known) return known
    const positive = this.#isNeverNegative(name)
    const [range, zero] = positive ? [127, 0] : [63, 64]
    const add = (op: string, inputs: readonly string[], attributes = {}) => {
      const { message, names } = this.#edit.node({ op, inputs, attributes })
      nodes.push(message)
      return names[0]!
    }
    const sizes = positive ? name : add('Abs', [name])
    const largest = this.#reduceByInput
      ? add('ReduceMax', [sizes, this.#axes(axes)])
      : add('ReduceMax', [sizes], { axes: { ints: axes } })
    const width = this.#number(range)
    const bounded = add('Max', [largest, this.#number(LEAST)])
    const scaled = add('Mul', [name, add('Div', [width, bounded])])
    // Casting cuts the fraction off: half a step more makes that rounding.
    const shifted = add('Add', [scaled, this.#number(zero + 0.5)])
    const made: QuantizedActivation = {
      values: add('Cast', [shifted], { to: { int: ELEMENT_TYPES.uint8 } }),
      step: add('Div', [bounded, width]),
      zero: this.#zeroPoint(zero),
    }
    this.#known.set(key, made)
    return made
  }

  #isNeverNegative(name: string): boolean {
    let maker: GraphNode | undefined = this.#edit.makerOf(name)
    for (let steps = 0; maker && steps < MAX_STEPS_BACK; steps++) {
      if (!isOnnx(maker)) return false
      if (NEVER_NEGATIVE.has(maker.op)) return true
      if (!PASSING.has(maker.op)) return false
      maker = this.#edit.makerOf(maker.inputs[0] ?? '')
    }
    return false
  }

  #number(value: number): string {
    return this.#constant(`number ${value}`, () =>
      this.#edit.constant('number', { type: 'float32', dims: [], data: Float32Array.of(value) }),
    )
  }

  #zeroPoint(value: number): string {
    return this.#constant(`zero ${value}`, () =>
      this.#edit.constant('zero', { type: 'uint8', dims: [], data: Uint8Array.of(value) }),
    )
  }

  #axes(axes: readonly number[]): string {
    return this.#constant(`axes ${axes.join()}`, () =>
      this.#edit.constant('axes', { type: 'int64', dims: [axes.length], data: axes }),
    )
  }

  #constant(key: string, make: () => string): string {
    const known = this.#constants.get(key) ?? make()
    this.#constants.set(key, known)
    return known
  }
}

export function isOnnx({ domain }: Pick<GraphNode, 'domain'>): boolean {
  return domain === '' || domain === 'ai.onnx'
}
