// The table of algorithms: everything a training request can name.
import type { Algorithm } from './learner.ts'
import { fitLinear, LinearSettings } from './linear.ts'
import { fitLogistic, LogisticSettings } from './logistic.ts'

export const ALGORITHMS = Object.freeze({
  logistic_regression: {
    title: 'Logistic regression',
    tasks: ['classification'],
    hyperparameters: LogisticSettings,
    encoding: { text: { characters: 'short' } },
    fit: fitLogistic,
  },
  linear_regression: {
    title: 'Linear (ridge) regression',
    tasks: ['regression'],
    hyperparameters: LinearSettings,
    encoding: {},
    fit: fitLinear,
  },
} as const satisfies Record<string, Algorithm>) as Readonly<Record<AlgorithmName, Algorithm>>

export type AlgorithmName = 'logistic_regression' | 'linear_regression'
