// The table of algorithms: everything a training request can name.
import { answering } from './answers.ts'
import { blendLearner } from './blend/blend.ts'
import { checkMembers, encodingsOf, membersOf, type Single } from './blend/members.ts'
import { BlendSettings } from './blend/settings.ts'
import type { Algorithm } from './learner.ts'
import { fitLinear, LinearSettings } from './linear.ts'
import { fitLinearSvm, LinearSvmSettings } from './linear-svm.ts'
import { fitLogistic, LogisticSettings } from './logistic.ts'
import { fitNeural } from './neural/neural.ts'
import { NeuralSettings } from './neural/settings.ts'
import { TREE_ENCODING } from './trees/encoding.ts'
import { fitForest } from './trees/forest.ts'
import { fitBoosting } from './trees/gradient-boosting.ts'
import { BoostingSettings, ForestSettings } from './trees/settings.ts'

const SINGLES = {
  logistic_regression: {
    title: 'Logistic regression',
    tasks: ['classification'],
    hyperparameters: LogisticSettings,
    encoding: { text: { characters: 'short' } },
    fit: answering(fitLogistic, 'probable'),
  },
  linear_svm: {
    title: 'Linear support vector machine',
    tasks: ['classification'],
    hyperparameters: LinearSvmSettings,
    encoding: { text: { characters: 'short' } },
    candidateFor: 'texts',
    fit: answering(fitLinearSvm, 'probable'),
  },
  linear_regression: {
    title: 'Linear (ridge) regression',
    tasks: ['regression'],
    hyperparameters: LinearSettings,
    encoding: {},
    fit: fitLinear,
  },
  gradient_boosting: {
    title: 'Gradient-boosted trees',
    tasks: ['classification', 'regression'],
    hyperparameters: BoostingSettings,
    encoding: TREE_ENCODING,
    fit: answering(fitBoosting, 'balanced'),
  },
  random_forest: {
    title: 'Random forest',
    tasks: ['classification', 'regression'],
    hyperparameters: ForestSettings,
    encoding: TREE_ENCODING,
    fit: answering(fitForest, 'balanced'),
  },
  neural_network: {
    title: 'Neural network (multilayer perceptron)',
    tasks: ['classification', 'regression'],
    hyperparameters: NeuralSettings,
    encoding: { text: { characters: 'short' } },
    fit: answering(fitNeural, 'balanced'),
  },
} as const satisfies Record<string, Single>

export const ALGORITHMS = Object.freeze({
  ...SINGLES,
  blend: {
    title: 'Average of several algorithms',
    tasks: ['classification', 'regression'],
    hyperparameters: BlendSettings,
    encoding: (settings, task) => encodingsOf(membersOf(settings as Partial<BlendSettings>, SINGLES, task), SINGLES),
    check: (settings, task) => checkMembers(settings as BlendSettings, SINGLES, task),
    composed: true,
    fit: answering(blendLearner(SINGLES), 'balanced'),
  },
} as const satisfies Record<string, Algorithm>) as Table

export type AlgorithmName = SingleName | 'blend'

type SingleName =
  | 'logistic_regression'
  | 'linear_svm'
  | 'linear_regression'
  | 'gradient_boosting'
  | 'random_forest'
  | 'neural_network'

type Table = Readonly<Record<AlgorithmName, Algorithm>> & Readonly<Record<SingleName, Single>>
