// Boosted trees, a forest and a logistic regression on the same rows; their log odds are averaged. They err in different
// places, so the average is better than the best of them.
import { ALGORITHMS } from '../../../src/ml/learn/index.ts'
import type { Matrix } from '../../../src/ml/matrix.ts'
import type { Features } from './dates.ts'

export const SETTINGS = {
  gradient_boosting: {
    n_estimators: 300,
    learning_rate: 0.03,
    max_leaves: 7,
    min_data_in_leaf: 30,
    subsample: 0.6,
    colsample: 0.3,
    lambda_l2: 10,
  },
  random_forest: { n_estimators: 300, min_data_in_leaf: 5, colsample_bynode: 0.3 },
  logistic_regression: { l2: 300 },
} as const
export type Member = keyof typeof SETTINGS
export const MEMBERS = Object.keys(SETTINGS) as Member[]

export interface Part {
  readonly features: readonly Features[]
  readonly labels: Int32Array
}

/** Chances of the second part's rows in the eyes of each member, and of all (`blend`). */
export async function chances(learn: Part, judge: readonly Features[], seed: number) {
  const names = Object.keys(learn.features[0]!)
  const scale = names.map((name) => spreadOf(learn.features.map((row) => row[name]!)))
  const matrixOf = (rows: readonly Features[]): Matrix => ({
    form: 'dense',
    rows: rows.length,
    cols: names.length,
    values: Float32Array.from(
      rows.flatMap((row) => names.map((name, i) => (row[name]! - scale[i]!.mean) / scale[i]!.deviation)),
    ),
  })
  const [matrix, judged] = [matrixOf(learn.features), matrixOf(judge)]
  const target = { task: 'classification', dtype: 'integer', classes: ['0', '1'], labels: learn.labels } as const
  const found = {} as Record<Member | 'blend', Float64Array>
  found.blend = new Float64Array(judge.length)
  for (const member of MEMBERS) {
    const model = await ALGORITHMS[member].fit({ matrix, target, hyperparameters: SETTINGS[member], seed })
    const { values } = model.predict(judged)
    found[member] = Float64Array.from(judge, (_, row) => values[row * 2 + 1]!)
    found[member].forEach((chance, row) => {
      const kept = Math.min(1 - 1e-4, Math.max(1e-4, chance))
      found.blend[row]! += Math.log(kept / (1 - kept)) / MEMBERS.length
    })
  }
  found.blend = found.blend.map((score) => 1 / (1 + Math.exp(-score)))
  return found
}

function spreadOf(values: readonly number[]): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)
  return { mean, deviation: deviation || 1 }
}
