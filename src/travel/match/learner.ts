// With what match scoring learns: a logistic regression and boosted trees, their log odds averaged. They err in different places, so
// the two are better than either, and both are sums of what each column contributes, so that factors stay exact.
// bench/quality/travel-match.ts measures this learner, and how it was chosen.

/** Of the penalty of the logistic regression to the number of examples. */
const PENALTY_SHARE = 0.1

export interface MatchLearner {
  readonly algorithm: 'blend'
  readonly hyperparameters: Readonly<Record<string, unknown>>
}

/** @param examples pairs that are learned from. */
export function matchLearner(examples: number): MatchLearner {
  const members = [
    { algorithm: 'logistic_regression', hyperparameters: { l2: Math.max(1, PENALTY_SHARE * examples) }, weight: 1 },
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
