// A model that answers one class whatever it is asked: usual where the other classes are rare, good accuracy, no use.
import type { Predictions } from './predictions.ts'
import type { Target } from './target.ts'

/** A warning where all held-out rows are answered with one class and some are of another. */
export function singleAnswerWarnings(target: Target, predictions: Predictions): string[] {
  if (target.task !== 'classification' || predictions.task !== 'classification') return []
  const [answer] = predictions.labels
  if (answer === undefined || predictions.labels.some((label) => label !== answer)) return []
  const others = target.labels.reduce((count, label) => count + Number(label !== answer), 0)
  if (others === 0) return []
  return [
    `The model answers "${target.classes[answer]}" for every held-out row, also for the ${others} of ${target.labels.length} that are of another class: ask for the hyperparameter class_weight "balanced", add rows of the rare classes or columns that tell them apart, or decide by the probabilities`,
  ]
}
