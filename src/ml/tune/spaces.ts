// What a tuning searches for each algorithm: the few settings that matter, within ranges that are known to be sensible.
// Settings that change what is asked for rather than how well it is done (class weights, objectives) are never searched.
import type { Space } from './space.ts'

const SPACES: Readonly<Record<string, Space>> = {
  logistic_regression: [
    { name: 'l2', scale: 'log', low: 1e-3, high: 1e3 },
    { name: 'l1', scale: 'choice', values: [0, 0.1, 1] },
  ],
  linear_svm: [{ name: 'cost', scale: 'log', low: 1e-3, high: 10 }],
  linear_regression: [
    { name: 'l2', scale: 'log', low: 1e-3, high: 1e4 },
    { name: 'l1', scale: 'choice', values: [0, 0.1, 1, 10] },
  ],
  gradient_boosting: [
    { name: 'learning_rate', scale: 'log', low: 0.01, high: 0.3 },
    { name: 'n_estimators', scale: 'log', low: 50, high: 800, integer: true },
    { name: 'max_leaves', scale: 'log', low: 4, high: 128, integer: true },
    { name: 'min_data_in_leaf', scale: 'log', low: 1, high: 100, integer: true },
    { name: 'lambda_l2', scale: 'log', low: 1e-3, high: 100 },
    { name: 'subsample', scale: 'linear', low: 0.5, high: 1 },
    { name: 'colsample', scale: 'linear', low: 0.4, high: 1 },
  ],
  random_forest: [
    { name: 'n_estimators', scale: 'log', low: 50, high: 400, integer: true },
    { name: 'min_data_in_leaf', scale: 'log', low: 1, high: 50, integer: true },
    { name: 'colsample_bynode', scale: 'linear', low: 0.1, high: 1 },
  ],
  neural_network: [
    { name: 'learning_rate', scale: 'log', low: 3e-4, high: 1e-2 },
    { name: 'hidden_layers', scale: 'choice', values: [[32], [64], [64, 64], [128, 64], [256, 128]] },
    { name: 'dropout', scale: 'linear', low: 0, high: 0.5 },
    { name: 'weight_decay', scale: 'log', low: 1e-4, high: 1 },
    { name: 'batch_size', scale: 'choice', values: [0, 32, 128] },
  ],
}

/** Empty for an algorithm with nothing to search. */
export function spaceOf(algorithm: string): Space {
  return Object.hasOwn(SPACES, algorithm) ? SPACES[algorithm]! : []
}
