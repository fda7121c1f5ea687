// gradient_boosting: hyperparameters and data in, a fitted sum of trees out.
import { invalid } from '../../../core/failure.ts'
import type { FeatureInfo } from '../../features.ts'
import { checkData, unlearnable } from '../check-data.ts'
import type { FitInput, FittedModel, LearningTarget } from '../learner.ts'
import { within } from '../path.ts'
import { rowWeights } from '../row-weights.ts'
import { fillSettings } from '../settings.ts'
import { type Boosted, type BoostOptions, boost } from './boost.ts'
import { chooseRounds, divided, HASTE, MOST_ROUNDS, PATIENCE, type Recipe, type Style } from './choose-rounds.ts'
import type { Link, TreeEnsemble } from './ensemble.ts'
import type { Gradients, Loss } from './gradients.ts'
import { treeModel } from './model.ts'
import { setAside } from './sampling.ts'
import { BoostingSettings } from './settings.ts'
import type { Engine } from './training.ts'
import { featuresOf, growRules, leastRows, weightedRows } from './tree-rules.ts'

/** More classes than this need more trees than anyone waits for. */
const MAX_CLASSES = 1000

/** Throws `invalid` TRAINING_DATA_INVALID, or VALIDATION_ERROR for hyperparameters that do not fit the data. */
export async function fitBoosting(input: FitInput, engine: Engine = {}): Promise<FittedModel> {
  checkData(input, { gaps: 'allowed' })
  const { matrix, target, hyperparameters = {}, seed = 0, hooks = {} } = input
  const settings = fillSettings(BoostingSettings, hyperparameters)
  const features = featuresOf(input)
  const gradients = chooseLoss(target, settings)
  checkTarget(target, gradients.loss)
  const { weights } =
    target.task === 'classification'
      ? rowWeights(target, input.sampleWeights, settings.class_weight)
      : { weights: input.sampleWeights }
  const rows = weightedRows(matrix.rows, weights)
  const outputs = gradients.loss === 'softmax' && target.task === 'classification' ? target.classes.length : 1
  const optionsOf = (style: Style, trainRows: Uint32Array, fold = 0): Omit<BoostOptions, Limit> => ({
    setup: {
      matrix,
      features,
      monotone: monotoneDirections(features, settings.monotone_constraints),
      targets: target.task === 'classification' ? target.labels : target.values,
      weights,
      outputs,
      gradients,
      rules: growRules({ ...settings, max_leaves: style.leaves }, { minRows: style.minRows, rows: trainRows.length }),
      maxBins: settings.max_bin,
      threads: settings.threads,
      seed: seed + fold * FROM_FOLD_TO_FOLD,
      ...engine,
    },
    subsample: style.subsample,
    colsample: Math.ceil(style.colsample * features.length) / features.length,
    trainRows,
    validationRows: NO_ROWS,
  })
  const patience = settings.bags > 1 ? 0 : stoppingRounds(settings, rows.length)
  const parts =
    patience > 0
      ? setAside(target, rows, { share: settings.validation_fraction, seed })
      : { train: rows, validation: NO_ROWS }
  const { usual, styles } = stylesOf(settings, parts.train.length)
  const haste = Math.min(HASTE, 1 / settings.learning_rate)
  const isOpen = settings.n_estimators === 0 && patience === 0
  const width = features.length * outputs
  const recipe = isOpen
    ? await chooseRounds({
        target,
        rows,
        width,
        usual,
        styles,
        trace: async (style, { learn, judge, fold, hooks: own }) => {
          const limits = { rounds: Math.ceil(MOST_ROUNDS / haste), patience: PATIENCE, hooks: own }
          const learningRate = Math.min(1, haste * settings.learning_rate)
          return (await boost({ ...optionsOf(style, learn, fold), ...limits, learningRate, validationRows: judge }))
            .losses
        },
        bags: settings.bags,
        haste,
        seed,
        hooks: within(hooks, { from: 0, size: CHOICE_SHARE }),
      })
    : { ...usual, rounds: settings.n_estimators || MOST_ROUNDS, haste: 1, bags: settings.bags || 1 }
  const { rounds, bags } = recipe
  const learningRate = Math.min(1, recipe.haste * settings.learning_rate)
  const learned = bags === 1 ? [parts.train] : divided({ target, rows, seed, folds: bags }).map(({ learn }) => learn)
  const left = isOpen ? within(hooks, { from: CHOICE_SHARE, size: 1 - CHOICE_SHARE }) : hooks
  const limits = { learningRate, rounds, validationRows: parts.validation, patience }
  const fits: Boosted[] = []
  for (const [i, own] of learned.entries()) {
    const share = { from: i / learned.length, size: 1 / learned.length }
    fits.push(await boost({ ...optionsOf(recipe, own, i), ...limits, hooks: within(left, share) }))
  }
  const ensemble = { features, link: LINKS[gradients.loss], ...averaged(fits) }
  const iterations = fits.reduce((sum, own) => sum + own.rounds, 0)
  return {
    ...treeModel({ ensemble, target, iterations, matrix }),
    ...(isOpen && { settled: { ...settledBy(recipe), learning_rate: learningRate } }),
  }
}

type Limit = 'rounds' | 'patience' | 'hooks' | 'learningRate'

function settledBy({ rounds, minRows, leaves, subsample, colsample, bags }: Recipe) {
  return { n_estimators: rounds, min_data_in_leaf: minRows, max_leaves: leaves, subsample, colsample, bags }
}

/** The mean of what some fits say before their link, as one sum of trees. */
function averaged(fits: readonly Boosted[]): Pick<TreeEnsemble, 'base' | 'trees'> {
  if (fits.length === 1) return fits[0]!
  const share = 1 / fits.length
  return {
    base: fits[0]!.base.map((_, k) => fits.reduce((sum, { base }) => sum + base[k]! * share, 0)),
    trees: fits.flatMap(({ trees }) => trees.map((tree) => ({ ...tree, value: tree.value.map((v) => v * share) }))),
  }
}

/** Fits that are averaged draw rows and features of their own: no multiple of what parts one round from the next. */
const FROM_FOLD_TO_FOLD = 104_729
const NO_ROWS = new Uint32Array(0)
/** Of the work, when the number of rounds is to be found. */
const CHOICE_SHARE = 0.8

/** The usual way, a more cautious one and two bolder ones, as far as they differ in what was not asked for. */
function stylesOf({ min_data_in_leaf, max_leaves, subsample, colsample }: BoostingSettings, rows: number) {
  const minRows = leastRows(min_data_in_leaf, rows)
  const least = (bound: number) => min_data_in_leaf || Math.min(bound, minRows)
  const usual = { minRows, leaves: max_leaves || 31, subsample: subsample || 0.8, colsample: colsample || 0.7 }
  const cautious = { ...usual, subsample: subsample || 0.6, colsample: colsample || 0.5 }
  // Where only two columns together say anything, a tree that has not drawn both learns nothing.
  const bold = { ...usual, minRows: least(5), colsample: colsample || 1 }
  const deep = { ...usual, minRows: least(3), leaves: max_leaves || 128, colsample: colsample || 0.5 }
  const all = [cautious, usual, bold, deep]
  const different = new Map(all.map((style): [string, Style] => [JSON.stringify(style), style]))
  const styles = [...different.values()]
  return { usual: different.get(JSON.stringify(usual))!, styles }
}

const LINKS: Record<Loss, Link> = {
  logistic: 'sigmoid',
  softmax: 'softmax',
  squared: 'identity',
  absolute: 'identity',
  huber: 'identity',
  quantile: 'identity',
  poisson: 'exp',
  share: 'share',
}

function chooseLoss(target: LearningTarget, { objective, alpha }: BoostingSettings): Gradients {
  if (target.task === 'classification') return { loss: target.classes.length > 2 ? 'softmax' : 'logistic', alpha }
  return { loss: objective === 'auto' ? 'squared' : objective, alpha }
}

function checkTarget(target: LearningTarget, loss: Loss): void {
  if (target.task === 'classification' && target.classes.length > MAX_CLASSES) {
    const problem = `There are ${target.classes.length} classes, and boosting grows a tree for each of them in every round`
    const remedy = `merge classes until there are at most ${MAX_CLASSES}, or use logistic_regression`
    throw unlearnable(problem, remedy, { about: 'target' })
  }
  if (target.task === 'regression' && loss === 'poisson') {
    const bad = target.values.findIndex((value) => value < 0)
    if (bad < 0) return
    const problem = `The target of row ${bad} is ${target.values[bad]}, and objective "poisson" counts`
    throw unlearnable(problem, 'leave out negative targets, or choose another objective', { row: bad })
  }
}

/** Too few rows to set some aside and learn anything from the rest or about them. */
const FEW_TO_SET_ASIDE = 100

function stoppingRounds(
  { early_stopping_rounds: rounds, validation_fraction: share }: BoostingSettings,
  rows: number,
): number {
  return rows * share >= FEW_TO_SET_ASIDE * 0.1 && rows >= FEW_TO_SET_ASIDE ? rounds : 0
}

function monotoneDirections(features: readonly FeatureInfo[], constraints: Readonly<Record<string, 1 | -1>>): number[] {
  const numbers = new Set(
    features.filter(({ kind, name, column }) => kind === 'number' && name === column).map(({ name }) => name),
  )
  const wrong = Object.keys(constraints).filter((column) => !numbers.has(column))
  if (wrong.length > 0) {
    throw invalid(
      'hyperparameters',
      wrong.map((column) => ({
        field: `hyperparameters.monotone_constraints.${column}`,
        message: 'is not a feature that is a number and varies',
      })),
    )
  }
  return features.map(({ name, column }) => (name === column ? (constraints[column] ?? 0) : 0))
}
