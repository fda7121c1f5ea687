// Datetimes are circles as well as a line: the season, the day of the week and the time of day, each as sine and cosine.
import type { GraphBuilder, Value } from '../onnx/graph.ts'

export const DATE_PARTS = ['season', 'weekday', 'time of day'] as const
export type DatePart = (typeof DATE_PARTS)[number]

/** The furthest millisecond JavaScript can date (year 275760); anything beyond counts as missing. */
export const DATE_LIMIT = 8.64e15

const DAY_MS = 86_400_000
/** Mean Gregorian year in days: the season drifts by less than two days from the calendar. */
const YEAR_DAYS = 365.2425
/** 1970-01-01 was a Thursday; Monday is day 0. */
const WEEKDAY_OF_EPOCH = 3
/** A shorter stretch says nothing about seasons that the date itself does not. */
const SEASON_MIN_DAYS = 60

/** The parts that vary in a column; `sorted` milliseconds since 1970. */
export function varyingParts(sorted: Float64Array): DatePart[] {
  const first = sorted[0]!
  const days = (sorted[sorted.length - 1]! - first) / DAY_MS
  const weekday = (value: number) => (((Math.floor(value / DAY_MS) + WEEKDAY_OF_EPOCH) % 7) + 7) % 7
  const time = (value: number) => value - Math.floor(value / DAY_MS) * DAY_MS
  const varies: Record<DatePart, boolean> = {
    season: days >= SEASON_MIN_DAYS,
    weekday: sorted.some((value) => weekday(value) !== weekday(first)),
    'time of day': sorted.some((value) => time(value) !== time(first)),
  }
  return DATE_PARTS.filter((part) => varies[part])
}

/** What a full turn of a part counts up to. */
const PLAIN_COUNTS: Record<DatePart, number> = { season: 12, weekday: 7, 'time of day': 24 }

/** [N, k] float32: twelfths of a year, days since Monday or hours since midnight, of `date` [N, k] float64. */
export function writePlainPart(graph: GraphBuilder, date: Value, part: DatePart): Value {
  const turns = writeTurns(graph, date, part)
  const phase = graph.node('Sub', [turns, graph.node('Floor', [turns])])
  const count = graph.constant('count', { type: 'float64', dims: [1], data: Float64Array.of(PLAIN_COUNTS[part]) })
  let plain = graph.node('Mul', [phase, count])
  if (part === 'weekday') plain = graph.node('Round', [plain])
  return graph.node('Cast', [plain], { attributes: { to: { int: 1 } }, hint: 'plain' })
}

/** Sines, then cosines, [N, 2k] float32 of one part of `date` [N, k] float64, milliseconds since 1970. */
export function writeDatePart(graph: GraphBuilder, date: Value, part: DatePart): Value {
  const turns = writeTurns(graph, date, part)
  // From the nearest whole turn, not the one before: sines are exact near 0 and not near 2π.
  const phase = graph.node('Sub', [turns, graph.node('Round', [turns])])
  const full = graph.constant('circle', { type: 'float64', dims: [1], data: Float64Array.of(2 * Math.PI) })
  const radians = graph.node('Mul', [phase, full])
  // In float64: the runtime's float32 sine differs in its last bit between the middle and the end of a batch.
  const circle = graph.node('Concat', [graph.node('Sin', [radians]), graph.node('Cos', [radians])], {
    attributes: { axis: { int: 1 } },
  })
  return graph.node('Cast', [circle], { attributes: { to: { int: 1 } } })
}

/** [N, k] float64: how many years, weeks or days have gone by; the fraction is the part. */
function writeTurns(graph: GraphBuilder, date: Value, part: DatePart): Value {
  const float64 = (hint: string, value: number) =>
    graph.constant(hint, { type: 'float64', dims: [1], data: Float64Array.of(value) })
  const turns = graph.node('Div', [date, float64('day', DAY_MS)])
  if (part === 'season') return graph.node('Div', [turns, float64('year', YEAR_DAYS)])
  if (part === 'time of day') return turns
  const shifted = graph.node('Add', [graph.node('Floor', [turns]), float64('epoch', WEEKDAY_OF_EPOCH)])
  return graph.node('Div', [shifted, float64('week', 7)])
}
