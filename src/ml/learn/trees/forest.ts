// random_forest (Breiman 2001): trees on rows drawn with replacement, every split choosing from a few features drawn for it,
// their answers averaged. The kernel of boosting grows them: with a constant second derivative, the value of a leaf is the
// mean of its rows, or the share of a class among them. More than two classes have trees of their own each.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Random, seededRandom } from '../../../core/random.ts'
import { checkData, unlearnable } from '../check-data.ts'
import { type FitInput, type FittedModel, type LearningHooks, type LearningTarget, throwIfStopped } from '../learner.ts'
import { rowWeights } from '../row-weights.ts'
import { fillSettings } from '../settings.ts'
import type { Arena } from './arena.ts'
import type { Tree, TreeEnsemble } from './ensemble.ts'
import { finishTree } from './finish-tree.ts'
import { judgeOutside } from './forest-judge.ts'
import { type GrownNode, growTree } from './grow.ts'
import { startingScores } from './losses.ts'
import { treeModel } from './model.ts'
import { drawFeatures, drawWithReplacement } from './sampling.ts'
import { ForestSettings } from './settings.ts'
import { openTraining, type Training, type TrainingSetup } from './training.ts'
import { featuresOf, growRules, weightedRows } from './tree-rules.ts'

const MAX_CLASSES = 200

/** Throws `invalid` TRAINING_DATA_INVALID, or VALIDATION_ERROR for hyperparameters that break the schema. */
export async function fitForest(input: FitInput): Promise<FittedModel> {
  checkData(input, { gaps: 'allowed' })
  const { matrix, target, hyperparameters = {}, seed = 0, hooks = {} } = input
  const settings = fillSettings(ForestSettings, hyperparameters)
  checkClasses(target)
  const features = featuresOf(input)
  const classes = target.task === 'classification'
  const { weights } = classes
    ? rowWeights(target, input.sampleWeights, settings.class_weight)
    : { weights: input.sampleWeights }
  const rows = weightedRows(matrix.rows, weights)
  const leastRows = settings.min_data_in_leaf || (classes ? 2 : 3)
  const rules = growRules({ ...UNPENALISED, ...settings }, { minRows: leastRows, rows: rows.length })
  const setup: TrainingSetup = {
    matrix,
    features,
    monotone: features.map(() => 0),
    targets: classes ? target.labels : target.values,
    weights,
    outputs: classes && target.classes.length > 2 ? target.classes.length : 1,
    gradients: { loss: classes ? 'share' : 'squared', alpha: 0.5 },
    rules,
    maxBins: settings.max_bin,
    threads: settings.threads,
    seed,
  }
  throwIfStopped(hooks)
  const training = await openTraining(setup)
  try {
    const base = Float32Array.from(startingScores(training.arena, setup.gradients, rows))
    training.arena.scores.fill(base[0]!)
    const trees = await growForest(training, { setup, settings, rows, hooks })
    const ensemble: TreeEnsemble = { features, link: classes ? 'share' : 'identity', base, trees }
    return treeModel({ ensemble, target, iterations: settings.n_estimators, matrix })
  } finally {
    training.team.end()
  }
}

const UNPENALISED = {
  grow_policy: 'leafwise',
  min_sum_hessian_in_leaf: 0,
  lambda_l1: 0,
  lambda_l2: 0,
} as const

function checkClasses(target: LearningTarget): void {
  if (target.task !== 'classification' || target.classes.length <= MAX_CLASSES) return
  const problem = `There are ${target.classes.length} classes, and a forest grows trees for each of them`
  throw unlearnable(problem, `merge classes until there are at most ${MAX_CLASSES}, or use logistic_regression`)
}

interface Forest {
  readonly setup: TrainingSetup
  readonly settings: ForestSettings
  readonly rows: Uint32Array
  readonly hooks: LearningHooks
}

async function growForest(training: Training, forest: Forest): Promise<Tree[]> {
  const { settings, setup, hooks } = forest
  const trees: Tree[] = []
  const outside = judgeOutside(training.arena, forest.rows)
  for (let round = 0; round < settings.n_estimators; round++) {
    await nextTurn()
    throwIfStopped(hooks)
    const random = seededRandom(setup.seed + round * 7919)
    const { grown, drawn } = growRound(training, forest, random)
    for (const [output, nodes] of grown.entries()) {
      trees.push(finishTree(nodes, { bins: training.bins, output, rate: 1 / settings.n_estimators }))
      outside.add(nodes, { output, drawn })
    }
    const done = (round + 1) / settings.n_estimators
    hooks.onProgress?.({ iteration: round + 1, loss: outside.loss(), done })
  }
  return trees
}

interface GrownRound {
  /** A tree for each output. */
  readonly grown: readonly GrownNode[][]
  /** How often each row was drawn. */
  readonly drawn: Uint8Array
}

function growRound(
  { arena, team, bins }: Training,
  { setup, settings, rows, hooks }: Forest,
  random: Random,
): GrownRound {
  const { rules, monotone, outputs } = setup
  const { features } = arena.plan
  team.gradients(0)
  const drawn = drawWithReplacement(rows, { size: arena.plan.rows, share: settings.subsample, random })
  const distinct = weighGradients(arena, drawn)
  const share = settings.colsample_bynode || (setup.gradients.loss === 'share' ? 1 / Math.sqrt(features) : 1 / 3)
  const active = [arena.active.subarray(0, features), arena.active.subarray(features, 2 * features)]
  const drawForLeaves = () => {
    for (const one of active) drawFeatures(one, share, random)
  }
  const checkStop = () => throwIfStopped(hooks)
  const growing = { arena, team, bins, monotone, rules, checkStop, drawFeatures: drawForLeaves }
  const grown = Array.from({ length: outputs }, (_, output) => {
    arena.order.set(distinct)
    return growTree(growing, output, distinct.length)
  })
  return { grown, drawn }
}

/** A row that was drawn twice counts twice. The rows drawn at all, ascending. */
function weighGradients({ gradients, plan }: Arena, drawn: Uint8Array): Uint32Array {
  for (let k = 0; k < plan.outputs; k++) {
    for (let row = 0; row < plan.rows; row++) {
      const at = 2 * (k * plan.rows + row)
      gradients[at]! *= drawn[row]!
      gradients[at + 1]! *= drawn[row]!
    }
  }
  return Uint32Array.from(drawn.keys()).filter((row) => drawn[row]! > 0)
}
