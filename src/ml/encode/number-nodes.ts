// The nodes behind numbers.ts: all numeric columns as one [N, k] float64 tensor, so that a thousand columns cost as many
// nodes as one.
import type { GraphBuilder, Value } from '../onnx/graph.ts'
import { int64s } from './block.ts'
import { DATE_PARTS, writeDatePart, writePlainPart } from './dates.ts'
import type { NumberFit } from './numbers.ts'
import type { EncodingOptions } from './options.ts'

/** Scaled values are cut here: float32 ends at 3e38, and a cut value must survive being multiplied by a weight. */
const CUT = 1e30

export function writeNumbers(
  graph: GraphBuilder,
  inputs: ReadonlyMap<string, Value>,
  { fits, options }: { readonly fits: readonly NumberFit[]; readonly options: EncodingOptions },
): Value {
  const row = (hint: string, of: (fit: NumberFit) => number, among = fits) =>
    graph.constant(hint, { type: 'float64', dims: [1, among.length], data: Float64Array.from(among, of) })
  const keeps = options.missing === 'keep'
  const raw = join(
    graph,
    fits.map((fit) => inputs.get(fit.column)!),
  )
  const present = graph.node('LessOrEqual', [graph.node('Abs', [raw]), row('limit', (fit) => fit.limit)], {
    hint: 'present',
  })
  const filled = graph.node('Where', [present, raw, row('fill', (fit) => fit.fill)], { hint: 'filled' })
  const parts: Value[] = []
  const valued = fits.filter((fit) => fit.valued)
  if (valued.length > 0) {
    const values = pick(graph, filled, fits, (fit) => fit.valued)
    const centered = graph.node('Sub', [values, row('center', (fit) => fit.center, valued)])
    const scaled = graph.node('Div', [centered, row('spread', (fit) => fit.spread, valued)])
    const bounds = [-CUT, CUT].map((cut) =>
      graph.constant('cut', { type: 'float64', dims: [], data: Float64Array.of(cut) }),
    )
    const cut = graph.node('Clip', [scaled, ...bounds])
    const numbers = graph.node('Cast', [cut], { attributes: { to: { int: 1 } }, hint: 'numbers' })
    parts.push(
      keeps
        ? withGaps(
            graph,
            numbers,
            pick(graph, present, fits, (fit) => fit.valued),
          )
        : numbers,
    )
  }
  if (fits.some((fit) => fit.marked)) {
    const missing = graph.node('Not', [pick(graph, present, fits, (fit) => fit.marked)], { hint: 'missing' })
    parts.push(graph.node('Cast', [missing], { attributes: { to: { int: 1 } } }))
  }
  const dates = writeDates(graph, { filled, present }, { fits, options })
  return join(graph, dates ? [...parts, dates] : parts)
}

/** Each part of all dates that have it at once: by themselves, hundreds of dates were nodes that took minutes to load. */
function writeDates(
  graph: GraphBuilder,
  { filled, present }: { readonly filled: Value; readonly present: Value },
  { fits, options }: { readonly fits: readonly NumberFit[]; readonly options: EncodingOptions },
): Value | undefined {
  const gather = (value: Value, columns: readonly number[]) =>
    graph.node('Gather', [value, int64s(graph, 'columns', columns)], { attributes: { axis: { int: 1 } } })
  const isPlain = options.dates === 'plain'
  const parts: Value[] = []
  /** By part, then sines and cosines of it, then dates: where each feature comes to lie. */
  const places = new Map<string, number>()
  for (const part of DATE_PARTS) {
    const dates = fits.flatMap((fit, at) => (fit.parts.includes(part) ? [at] : []))
    if (dates.length === 0) continue
    const date = gather(filled, dates)
    const written = isPlain ? writePlainPart(graph, date, part) : writeDatePart(graph, date, part)
    for (const turn of isPlain ? [0] : [0, 1]) {
      for (const at of dates) places.set(`${at} ${part} ${turn}`, places.size)
    }
    const known = () => join(graph, Array(isPlain || dates.length === 1 ? 1 : 2).fill(gather(present, dates)))
    parts.push(options.missing === 'keep' ? withGaps(graph, written, known()) : written)
  }
  if (parts.length === 0) return undefined
  const wanted = fits.flatMap((fit, at) =>
    fit.parts.flatMap((part) => (isPlain ? [0] : [0, 1]).map((turn) => places.get(`${at} ${part} ${turn}`)!)),
  )
  const joined = join(graph, parts)
  return wanted.every((place, i) => place === i) ? joined : gather(joined, wanted)
}

/** NaN where a value is missing; only now, because not every operator lets NaN through. */
function withGaps(graph: GraphBuilder, values: Value, present: Value): Value {
  const gap = graph.constant('gap', { type: 'float32', dims: [], data: Float32Array.of(Number.NaN) })
  return graph.node('Where', [present, values, gap], { hint: 'kept' })
}

export function join(graph: GraphBuilder, values: readonly Value[]): Value {
  return values.length === 1 ? values[0]! : graph.node('Concat', values, { attributes: { axis: { int: 1 } } })
}

function pick(
  graph: GraphBuilder,
  value: Value,
  fits: readonly NumberFit[],
  wanted: (fit: NumberFit) => boolean,
): Value {
  const at = fits.flatMap((fit, i) => (wanted(fit) ? [i] : []))
  if (at.length === fits.length) return value
  return graph.node('Gather', [value, int64s(graph, 'columns', at)], { attributes: { axis: { int: 1 } } })
}
