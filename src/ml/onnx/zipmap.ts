// scikit-learn's converter ends classifiers with a ZipMap, which makes a list of dictionaries of the probabilities: nothing
// that can be fetched as a tensor, or batched. Here it is taken out, and what went into it becomes the output.
import { type GraphNode, nameIn, numbersOf, readGraph, stringsOf } from './nodes.ts'
import { nodeMessage, valueMessage } from './proto.ts'
import { copyField, replaceGraph } from './rewrite.ts'
import { fields, payload } from './scan.ts'
import { Message } from './wire.ts'

export interface Bypassed {
  readonly bytes: Uint8Array
  /** The classes that the ZipMap named, in the order of the probabilities. */
  readonly labels: readonly string[]
}

/** Undefined where the graph has no ZipMap. Output names stay; of several, the labels are those of the first. */
export function bypassZipMaps(bytes: Uint8Array): Bypassed | undefined {
  const { nodes, outputs } = readGraph(bytes)
  const found = nodes.filter((node) => isZipMap(node) && outputs.includes(node.outputs[0]!))
  const [first] = found
  if (!first) return undefined
  const widths = new Map(found.map((node) => [node.outputs[0]!, labelsOf(node).length]))
  return { bytes: replaceGraph(bytes, (graph) => withoutZipMaps(graph, widths)), labels: labelsOf(first) }
}

/** The nodes stand in the order in which `readGraph` gives them, each as it is but for the ZipMaps. */
function withoutZipMaps(graph: Uint8Array, widths: ReadonlyMap<string, number>): Message {
  const rewritten = new Message()
  for (const field of fields(graph)) {
    if (field.number === 1) {
      const node = zipMapIn(payload(field))
      if (node && widths.has(node.output)) rewritten.message(1, identity(node))
      else copyField(rewritten, field)
    } else if (field.number === 12) {
      const name = nameIn(payload(field), 1)
      const width = widths.get(name)
      if (width === undefined) copyField(rewritten, field)
      else rewritten.message(12, valueMessage(name, 'float32', ['N', width]))
    } else copyField(rewritten, field)
  }
  return rewritten
}

interface Ends {
  readonly input: string
  readonly output: string
}

function zipMapIn(bytes: Uint8Array): Ends | undefined {
  if (nameIn(bytes, 4) !== 'ZipMap' || nameIn(bytes, 7) !== ML_DOMAIN) return undefined
  return { input: nameIn(bytes, 1), output: nameIn(bytes, 2) }
}

function identity({ input, output }: Ends): Message {
  return nodeMessage({
    op: 'Identity',
    name: `${output} as a tensor`,
    domain: '',
    inputs: [input],
    outputs: [output],
    attributes: {},
  })
}

const ML_DOMAIN = 'ai.onnx.ml'

function isZipMap({ op, domain, outputs }: GraphNode): boolean {
  return op === 'ZipMap' && domain === ML_DOMAIN && outputs.length === 1
}

function labelsOf(node: GraphNode): string[] {
  return stringsOf(node, 'classlabels_strings') ?? (numbersOf(node, 'classlabels_int64s') ?? []).map(String)
}
