// Exact Shapley values of a linear model whose features vary independently of each other: weight × distance from the average
// (Štrumbelj and Kononenko 2014; shap calls it LinearExplainer with interventional perturbation).

/** Scores are weights · features + bias. */
export interface LinearScores {
  readonly width: number
  readonly outputs: number
  /** [feature · outputs + output]. */
  readonly weights: ArrayLike<number>
  readonly bias: ArrayLike<number>
}

export function scoreLinear(
  model: LinearScores,
  features: ArrayLike<number>,
  place: { offset: number; output: number },
) {
  let score = model.bias[place.output]!
  for (let j = 0; j < model.width; j++) {
    score += model.weights[j * model.outputs + place.output]! * features[place.offset + j]!
  }
  return score
}

/** Contribution of every feature, added to `into`. With the score of `means` they add up to the score of the row. */
export function explainLinear(
  model: LinearScores,
  {
    features,
    means,
    offset,
    output,
  }: {
    readonly features: ArrayLike<number>
    readonly means: ArrayLike<number>
    readonly offset: number
    readonly output: number
  },
  into: Float64Array,
): void {
  for (let j = 0; j < model.width; j++) {
    into[j]! += model.weights[j * model.outputs + output]! * (features[offset + j]! - means[j]!)
  }
}
