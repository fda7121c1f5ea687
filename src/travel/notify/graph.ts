// The send-time model as an ONNX graph: what activityOf and ratesOf compute, with everything learned as constants.
import { GraphBuilder, type Value } from '../../ml/onnx/graph.ts'
import type { ChannelRates } from './channels.ts'
import { HOURS, type Rhythm, spreadOf } from './rhythm.ts'
import { MOST_HOURS } from './summarise.ts'

const CHANNEL_COUNT = 3
/** A label encoder must know some word; this one no segment is called. */
const NO_SEGMENT = '\u0000'

/**
 * Inputs a row: `hours` int64 [64] (hour of the week of each active hour, the newest first), `ages` float [64] (days ago),
 * `weights` float [64] (1, or 0 where there is none), `segment` string [1], `opens` and `sends` float [3]. Outputs: `activity`
 * float [168], `support` float [1] (active hours it rests on), `own` float [1], `in_segment` float [1] (1 where the model knows the
 * segment, else 0), `open_alpha` and `open_beta` float [3].
 */
export function writeGraph(rhythm: Rhythm, channels: ChannelRates): Uint8Array {
  const graph = new GraphBuilder()
  const hours = graph.input('hours', 'int64', ['N', MOST_HOURS])
  const ages = graph.input('ages', 'float32', ['N', MOST_HOURS])
  const weights = graph.input('weights', 'float32', ['N', MOST_HOURS])
  const segment = graph.input('segment', 'string', ['N', 1])
  const opens = graph.input('opens', 'float32', ['N', CHANNEL_COUNT])
  const sends = graph.input('sends', 'float32', ['N', CHANNEL_COUNT])
  const decayed = graph.node('Mul', [weights, writeDecay(graph, ages, rhythm.halfLifeDays)])
  const spread = graph.constant('spread', floats(spreadOf(rhythm), [HOURS, HOURS]))
  const rows = graph.node('Gather', [spread, hours], { attributes: { axis: { int: 0 } } })
  const side = graph.node('Unsqueeze', [decayed, axis(graph, 1)])
  const own = graph.node('Squeeze', [graph.node('MatMul', [side, rows]), axis(graph, 1)])
  const support = graph.node('ReduceSum', [decayed, axis(graph, 1)], { attributes: { keepdims: { int: 1 } } })
  const strength = graph.constant('strength', floats([rhythm.strength], [1]))
  const { shares, known } = writeSegments(graph, segment, rhythm)
  const base = graph.node('Mul', [shares, strength])
  const whole = graph.node('Add', [support, strength])
  const activity = graph.node('Div', [graph.node('Add', [own, base]), whole])
  graph.output('activity', activity, 'float32', ['N', HOURS])
  graph.output('support', support, 'float32', ['N', 1])
  graph.output('own', graph.node('Div', [support, whole]), 'float32', ['N', 1])
  graph.output('in_segment', known, 'float32', ['N', 1])
  const alpha = graph.constant('alpha', floats(channels.alpha, [CHANNEL_COUNT]))
  const beta = graph.constant('beta', floats(channels.beta, [CHANNEL_COUNT]))
  const others = graph.node('Sub', [sends, opens])
  graph.output('open_alpha', graph.node('Add', [opens, alpha]), 'float32', ['N', CHANNEL_COUNT])
  graph.output('open_beta', graph.node('Add', [others, beta]), 'float32', ['N', CHANNEL_COUNT])
  return graph.build({ name: 'travel_notify' })
}

function writeDecay(graph: GraphBuilder, ages: Value, halfLifeDays: number | null): Value {
  const rate = graph.constant('rate', floats([halfLifeDays === null ? 0 : -Math.LN2 / halfLifeDays], [1]))
  return graph.node('Exp', [graph.node('Mul', [ages, rate])])
}

interface Segments {
  /** The table of the user's segment, or of everybody. */
  readonly shares: Value
  /** 1 where it is the segment's. */
  readonly known: Value
}

function writeSegments(graph: GraphBuilder, segment: Value, { population, segments }: Rhythm): Segments {
  const names = [...segments.keys()]
  const table = new Float64Array((names.length + 1) * HOURS)
  table.set(population)
  names.forEach((name, i) => {
    table.set(segments.get(name)!, (i + 1) * HOURS)
  })
  const place = graph.node('LabelEncoder', [segment], {
    domain: 'ai.onnx.ml',
    attributes: {
      keys_strings: { strings: names.length > 0 ? names : [NO_SEGMENT] },
      values_int64s: { ints: names.length > 0 ? names.map((_, i) => i + 1) : [0] },
      default_int64: { int: 0 },
    },
  })
  const tables = graph.constant('tables', floats(table, [names.length + 1, HOURS]))
  const rows = graph.node('Gather', [tables, place], { attributes: { axis: { int: 0 } } })
  const one = graph.constant('one', { type: 'int64', dims: [1], data: [1] })
  const known = graph.node('Cast', [graph.node('Min', [place, one])], { attributes: { to: { int: 1 } } })
  return { shares: graph.node('Squeeze', [rows, axis(graph, 1)]), known }
}

function axis(graph: GraphBuilder, number: number): Value {
  return graph.constant('axis', { type: 'int64', dims: [1], data: [number] })
}

function floats(values: ArrayLike<number>, dims: readonly number[]) {
  return { type: 'float32' as const, dims, data: Float32Array.from(values) }
}
