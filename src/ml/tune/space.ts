// The settings among which a tuning searches. Every range is searched as the unit interval: on a logarithmic scale where
// tenfold is the natural step.
import type { Random } from '../../core/random.ts'

export interface RangeParameter {
  readonly name: string
  readonly scale: 'linear' | 'log'
  readonly low: number
  readonly high: number
  /** Whole numbers only. */
  readonly integer?: true
}

export interface ChoiceParameter {
  readonly name: string
  readonly scale: 'choice'
  readonly values: readonly unknown[]
}

export type Parameter = RangeParameter | ChoiceParameter
export type Space = readonly Parameter[]

/** One number a parameter: 0 to 1 in a range, the number of the value in a choice. */
export type Point = readonly number[]

export function randomPoint(space: Space, random: Random): number[] {
  return space.map((parameter) =>
    parameter.scale === 'choice' ? random.integer(parameter.values.length) : random.next(),
  )
}

/** The hyperparameters at a point. */
export function settingsAt(space: Space, point: Point): Record<string, unknown> {
  return Object.fromEntries(space.map((parameter, i) => [parameter.name, valueAt(parameter, point[i]!)]))
}

function valueAt(parameter: Parameter, at: number): unknown {
  if (parameter.scale === 'choice') return parameter.values[at]
  const { low, high, scale, integer } = parameter
  const value = scale === 'log' ? low * (high / low) ** at : low + (high - low) * at
  const rounded = integer ? Math.round(value) : Number(value.toPrecision(4))
  return Math.min(high, Math.max(low, rounded))
}

/** Where settings lie; undefined when one is beside the space, as a default may be. */
export function pointOf(space: Space, settings: Readonly<Record<string, unknown>>): number[] | undefined {
  const point = space.map((parameter) => placeOf(parameter, settings[parameter.name]))
  return point.every((at) => at !== undefined) ? point : undefined
}

function placeOf(parameter: Parameter, value: unknown): number | undefined {
  if (parameter.scale === 'choice') {
    const text = JSON.stringify(value)
    const index = parameter.values.findIndex((one) => JSON.stringify(one) === text)
    return index < 0 ? undefined : index
  }
  const { low, high, scale } = parameter
  if (typeof value !== 'number' || value < low || value > high) return undefined
  return scale === 'log' ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)
}
