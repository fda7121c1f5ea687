// The outputs every classifier's graph ends in: `label` and `probabilities`, in plain ONNX operators.
import type { GraphBuilder, Value } from '../onnx/graph.ts'
import type { TensorData } from '../onnx/types.ts'
import type { ClassTarget } from './learner.ts'

/** `probabilities` is float32 [N, classes]; the label is the first of those whose probability counts most. */
export function writeClasses(graph: GraphBuilder, probabilities: Value, target: ClassTarget): void {
  const best = graph.node('ArgMax', [counted(graph, probabilities, target)], {
    attributes: { axis: { int: 1 }, keepdims: { int: 0 } },
    hint: 'best',
  })
  const names = graph.constant('classes', classTensor(target))
  const label = graph.node('Gather', [names, best], { hint: 'class' })
  graph.output('label', label, target.dtype === 'string' ? 'string' : 'int64', ['N'])
  graph.output('probabilities', probabilities, 'float32', ['N', target.classes.length])
}

function counted(graph: GraphBuilder, probabilities: Value, { preferred }: ClassTarget): Value {
  if (!preferred) return probabilities
  const data = Float32Array.from(preferred)
  const counts = graph.constant('preferred', { type: 'float32', dims: [1, data.length], data })
  return graph.node('Mul', [probabilities, counts], { hint: 'counted' })
}

function classTensor({ dtype, classes }: ClassTarget): TensorData {
  const dims = [classes.length]
  if (dtype === 'string') return { type: 'string', dims, data: classes }
  const whole = dtype === 'boolean' ? (name: string) => (name === 'true' ? 1n : 0n) : BigInt
  return { type: 'int64', dims, data: BigInt64Array.from(classes, whole) }
}

/** Both ends of a two-class model come from a sigmoid of their own, so small probabilities keep their digits. */
export function writePair(graph: GraphBuilder, scores: Value): Value {
  const second = graph.node('Sigmoid', [scores], { hint: 'second' })
  const first = graph.node('Sigmoid', [graph.node('Neg', [scores])], { hint: 'first' })
  return graph.node('Concat', [first, second], { attributes: { axis: { int: 1 } }, hint: 'pair' })
}
