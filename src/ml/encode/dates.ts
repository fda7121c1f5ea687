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

/** Sine and cosine [N, 2] float32 of one part of `date` [N, 1] float64, milliseconds since 1970. */
export function writeDatePart(graph: GraphBuilder, date: Value, part: DatePart): Value {
  const float64 = (hint: string, value: number) =>
    graph.constant(hint, { type: 'float64', dims: [1], data: Float64Array.of(value) })
  let turns = graph.node('Div', [date, float64('day', DAY_MS)])
  if (part === 'season') turns = graph.node('Div', [turns, float64('year', YEAR_DAYS)])
  if (part === 'weekday') {
    const shifted = graph.node('Add', [graph.node('Floor', [turns]), float64('epoch', WEEKDAY_OF_EPOCH)])
    turns = graph.node('Div', [shifted, float64('week', 7)])
  }
  // From the nearest whole turn, not the one before: sines are exact near 0 and not near 2π.
  const phase = graph.node('Sub', [turns, graph.node('Round', [turns])])
  const radians = graph.node('Mul', [phase, float64('circle', 2 * Math.PI)])
  // In float64: the runtime's float32 sine differs in its last bit between the middle and the end of a batch.
  const circle = graph.node('Concat', [graph.node('Sin', [radians]), graph.node('Cos', [radians])], {
    attributes: { axis: { int: 1 } },
  })
  return graph.node('Cast', [circle], { attributes: { to: { int: 1 } } })
}
