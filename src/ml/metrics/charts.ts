// What is drawn rather than read as one figure: curves, thresholds, calibration of class predictions.
import { type Calibration, calibrate } from './calibration.ts'
import { type ClassificationInput, MAX_RANKED_SCORES } from './classification.ts'
import { type Curves, curvesOf, stepsOf } from './curves.ts'
import type { Ranking } from './ranking.ts'
import { type ThresholdRow, thresholdTable } from './thresholds.ts'

export interface ClassCurves extends Curves {
  /** The class that counts as positive, against all others. */
  readonly class: string
}

export interface Charts {
  /** Two classes: of the second one. More: of those with the most rows, at most `MAX_CURVES`. */
  readonly curves: readonly ClassCurves[]
  /** Two classes only. */
  readonly thresholds?: readonly ThresholdRow[]
  readonly calibration: Calibration
}

const MAX_CURVES = 10

export function chartsOf(input: Required<ClassificationInput>): Charts {
  const { labels, probabilities, classes } = input
  const width = classes.length
  const ranking = (k: number): Ranking => ({
    rows: labels.length,
    score: (row) => probabilities[row * width + k]!,
    positive: (row) => labels[row] === k,
  })
  const shown = probabilities.length > MAX_RANKED_SCORES ? [] : width === 2 ? [1] : mostFrequent(labels, width)
  const curves = shown.flatMap((k) => {
    const found = curvesOf(ranking(k))
    return found ? [{ class: classes[k]!, ...found }] : []
  })
  return {
    curves,
    ...(width === 2 && { thresholds: thresholdTable(stepsOf(ranking(1))) }),
    calibration: calibrationOf(input),
  }
}

function mostFrequent(labels: Int32Array, width: number): number[] {
  const counts = new Uint32Array(width)
  for (const label of labels) counts[label]!++
  const order = Array.from(counts, (_, k) => k).sort((a, b) => counts[b]! - counts[a]! || a - b)
  return order.slice(0, MAX_CURVES)
}

function calibrationOf({ labels, probabilities, predicted, classes }: Required<ClassificationInput>): Calibration {
  const width = classes.length
  const own = (row: number) => (width === 2 ? 1 : predicted[row]!)
  return calibrate({
    of: width === 2 ? 'second_class' : 'predicted_class',
    probabilities: Float64Array.from(labels, (_, row) => probabilities[row * width + own(row)]!),
    outcomes: Uint8Array.from(labels, (label, row) => (label === own(row) ? 1 : 0)),
  })
}
