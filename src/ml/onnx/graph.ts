// Builds an ONNX model node by node. Surprising: names come from hints and counters alone, so the same calls always
// give the same bytes; nothing of the clock, the machine or a hash seed goes into a file.
import { fail } from '../../core/failure.ts'
import { modelBytes, nodeMessage, tensorMessage, valueMessage } from './proto.ts'
import { type Attributes, checkTensor, type Dim, type ElementType, type TensorData } from './types.ts'
import type { Message } from './wire.ts'

/** A value flowing through a graph: an input, a constant or the output of a node. */
export interface Value {
  readonly name: string
}

export interface NodeOptions {
  readonly attributes?: Attributes
  /** '' (the default) is ONNX itself; 'ai.onnx.ml' and 'com.microsoft' are imported when first used. */
  readonly domain?: '' | 'ai.onnx.ml' | 'com.microsoft'
  /** Becomes the name of the output, with a number behind it where it is taken. */
  readonly hint?: string
}

export interface BuildOptions {
  readonly name: string
  readonly metadata?: Readonly<Record<string, string>>
}

/**
 * Opset 18 is the lowest in which every reduction takes its axes as an input, so one way of writing them serves all;
 * it runs on ONNX Runtime 1.14 (2023) and later.
 */
export const OPSET_VERSIONS = { '': 18, 'ai.onnx.ml': 3, 'com.microsoft': 1 } as const
/** Operators that came later: a file that has one imports the version it came with. */
const LATER_OPS: Readonly<Record<string, number>> = { TreeEnsemble: 5 }
const IR_VERSION = 8

export class GraphBuilder {
  #names = new Set<string>()
  #counters = new Map<string, number>()
  #domains = new Set<keyof typeof OPSET_VERSIONS>([''])
  #mlVersion: number = OPSET_VERSIONS['ai.onnx.ml']
  #nodeCount = 0
  #nodes: Message[] = []
  #initializers: Message[] = []
  #inputs: Message[] = []
  #outputs: Message[] = []
  #outputNames = new Set<string>()
  #collected: Map<string, Value> | undefined

  /** A graph input, named exactly so. `internal` when the name is taken: declare inputs before nodes. */
  input(name: string, type: ElementType, dims: readonly Dim[]): Value {
    this.#take(name)
    this.#inputs.push(valueMessage(name, type, dims))
    return { name }
  }

  /** An initializer. Its data is kept by reference and must not change before `build`. */
  constant(hint: string, tensor: TensorData): Value {
    const name = this.#fresh(hint)
    checkTensor(name, tensor)
    this.#initializers.push(tensorMessage(name, tensor))
    return { name }
  }

  node(op: string, inputs: readonly Value[], options: NodeOptions = {}): Value {
    return this.nodes(op, inputs, 1, options)[0]!
  }

  nodes(op: string, inputs: readonly Value[], outputCount: number, options: NodeOptions = {}): Value[] {
    const { attributes = {}, domain = '', hint = op } = options
    const outputs = Array.from({ length: outputCount }, () => this.#fresh(hint))
    this.#add(op, inputs, outputs, { attributes, domain })
    return outputs.map((name) => ({ name }))
  }

  /** What `write` wants to declare as outputs, by name, instead of declaring it: parts of a larger model write so. */
  outputsOf(write: () => void): ReadonlyMap<string, Value> {
    const collected = new Map<string, Value>()
    const outer = this.#collected
    this.#collected = collected
    try {
      write()
    } finally {
      this.#collected = outer
    }
    return collected
  }

  /** Declares a graph output. The value is copied under that name unless it bears it already. */
  output(name: string, value: Value, type: ElementType, dims: readonly Dim[]): void {
    if (this.#collected) {
      this.#collected.set(name, value)
      return
    }
    if (this.#outputNames.has(name)) throw fail('internal', 'ONNX_NAME_TAKEN', `Output "${name}" is declared twice`)
    this.#outputNames.add(name)
    if (value.name !== name) {
      this.#take(name)
      this.#add('Identity', [value], [name], {})
    }
    this.#outputs.push(valueMessage(name, type, dims))
  }

  /** The model file. May be called again after more nodes were added. */
  build(options: BuildOptions): Uint8Array {
    const domains = Object.keys(OPSET_VERSIONS).filter((domain) =>
      this.#domains.has(domain as keyof typeof OPSET_VERSIONS),
    )
    return modelBytes({
      name: options.name,
      irVersion: IR_VERSION,
      opsets: new Map(domains.map((domain) => [domain, this.#version(domain as keyof typeof OPSET_VERSIONS)])),
      metadata: options.metadata ?? {},
      nodes: this.#nodes,
      initializers: this.#initializers,
      inputs: this.#inputs,
      outputs: this.#outputs,
    })
  }

  #version(domain: keyof typeof OPSET_VERSIONS): number {
    return domain === 'ai.onnx.ml' ? this.#mlVersion : OPSET_VERSIONS[domain]
  }

  #add(op: string, inputs: readonly Value[], outputs: readonly string[], options: NodeOptions): void {
    const { attributes = {}, domain = '' } = options
    for (const input of inputs) {
      if (input.name !== '' && !this.#names.has(input.name)) {
        throw fail('internal', 'ONNX_UNKNOWN_VALUE', `${op} reads "${input.name}", which this graph does not have`)
      }
    }
    this.#domains.add(domain)
    if (domain === 'ai.onnx.ml') this.#mlVersion = Math.max(this.#mlVersion, LATER_OPS[op] ?? 0)
    const name = `${op}_${this.#nodeCount++}`
    this.#nodes.push(nodeMessage({ op, name, domain, inputs: inputs.map((one) => one.name), outputs, attributes }))
  }

  #take(name: string): void {
    if (name === '') throw fail('internal', 'ONNX_NAME_TAKEN', 'A value must have a name')
    if (this.#names.has(name))
      throw fail('internal', 'ONNX_NAME_TAKEN', `The name "${name}" is used twice in one graph`)
    this.#names.add(name)
  }

  #fresh(hint: string): string {
    let number = this.#counters.get(hint) ?? 0
    let name = number === 0 ? hint : `${hint}_${number}`
    while (name === '' || this.#names.has(name)) name = `${hint}_${++number}`
    this.#counters.set(hint, number + 1)
    this.#names.add(name)
    return name
  }
}
