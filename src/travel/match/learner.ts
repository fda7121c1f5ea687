// With what match scoring learns: a logistic regression and boosted trees, their log odds averaged. They err in different places, so
// the two are better than either, and both are sums of what each column contributes, so that factors stay exact. Of few examples
// the calibrated logistic regression alone knows more.
// bench/quality/travel-match.ts measures this learner, and how it was chosen.

/** Penalty of the logistic regression, by example and by feature: few examples bear less of it, few features need less. */
const AN_EXAMPLE = 0.1
const A_FEATURE = 2
/** With fewer examples than this, trees on top of the logistic regression were worse than it alone (decision 034). */
const ENOUGH_FOR_TREES = 1000

export interface MatchLearner {
  readonly algorithm: 'blend' | 'logistic_regression'
  readonly hyperparameters: Readonly<Record<string, unknown>>
}

/** @param examples pairs that are learned from. @param features columns that say something of a pair. */
export function matchLearner(examples: number, features: number): MatchLearner {
  if (examples < ENOUGH_FOR_TREES) {
    return { algorithm: 'logistic_regression', hyperparameters: { calibration: 'sigmoid' } }
  }
  const l2 = Math.max(1, Math.min(AN_EXAMPLE * examples, A_FEATURE * features))
  const members = [
    { algorithm: 'logistic_regression', hyperparameters: { l2 }, weight: 1 },
    {
      algorithm: 'gradient_boosting',
      hyperparameters: {
        n_estimators: 300,
        learning_rate: 0.06,
        max_leaves: 3,
        min_data_in_leaf: 30,
        subsample: 0.6,
        colsample: 0.2,
        lambda_l2: 10,
      },
      weight: 1,
    },
  ]
  return { algorithm: 'blend', hyperparameters: { average: 'log_odds', members } }
}
