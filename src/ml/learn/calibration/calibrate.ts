// Probabilities that come true: a map fitted to scores of rows the model did not learn from. What is linear in the scores
// is folded into the weights of a linear model, so only the isotonic map adds nodes to the file.
import { fitLadders, type Ladders } from './ladders.ts'
import { fitPlatt } from './platt.ts'
import { fitTemperature, type ScoredClasses } from './temperature.ts'

export type CalibrationMethod = 'none' | 'sigmoid' | 'isotonic'

export interface Calibration {
  /** Apply to every score first. */
  readonly slope: number
  readonly offset: number
  readonly ladders?: Ladders
}

/**
 * `scores` is row-major with `classes` columns: raw scores before softmax, or with `classes` 1 the log-odds of the second
 * class. `sigmoid` is Platt's for two classes and one temperature for more.
 */
export function fitCalibration(method: CalibrationMethod, rows: ScoredClasses): Calibration {
  if (method === 'none') return { slope: 1, offset: 0 }
  if (method === 'isotonic') {
    const scores = rows.classes === 1 ? rows.scores : softmaxAll(rows.scores, rows.classes)
    return { slope: 1, offset: 0, ladders: fitLadders({ ...rows, scores }) }
  }
  return rows.classes === 1 ? fitPlatt(rows) : { slope: fitTemperature(rows), offset: 0 }
}

/** The softmax of each row, in a copy. */
export function softmaxAll(scores: Float64Array, width: number): Float64Array {
  const out = Float64Array.from(scores)
  for (let start = 0; start < out.length; start += width) {
    const own = out.subarray(start, start + width)
    let top = Number.NEGATIVE_INFINITY
    for (const value of own) if (value > top) top = value
    let sum = 0
    for (let k = 0; k < width; k++) sum += own[k] = Math.exp(own[k]! - top)
    for (let k = 0; k < width; k++) own[k]! /= sum
  }
  return out
}
