// random_forest (Breiman 2001): trees on rows drawn with replacement, every split choosing from a few features drawn for it,
// their answers averaged. The kernel of boosting grows them: with a constant second derivative, the value of a leaf is the
// mean of its rows, or the share of a class among them. More than two classes have trees of their own each.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type Random, seededRandom } from '../../../core/random.ts'
import { checkData, unlearnable } from '../check-data.ts'
import {
  type ClassTarget,
  type FitInput,
  type FittedModel,
  type LearningHooks,
  type LearningTarget,
  throwIfStopped,
} from '../learner.ts'
import { within } from '../path.ts'
import { classTotals, rowWeights } from '../row-weights.ts'
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
import { featuresOf, growRules, leastRows, weightedRows } from './tree-rules.ts'

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
  const minRows = settings.min_data_in_leaf || Math.min(classes ? 3 : 1, leastRows(0, rows.length))
  const rules = growRules({ ...UNPENALISED, ...settings }, { minRows, rows: rows.length })
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
    const share = await chooseShare(training, { setup, settings, rows, hooks })
    const left = share.tried ? within(hooks, { from: TRIAL_PART, size: 1 - TRIAL_PART }) : hooks
    const forest = { setup, settings, rows, hooks: left, share: share.value, size: settings.n_estimators }
    const { trees } = await growForest(training, forest)
    const ensemble: TreeEnsemble = {
      features,
      link: classes ? 'share' : 'identity',
      base: target.task === 'classification' && setup.outputs > 1 ? faintShares(target, weights) : base,
      trees,
    }
    const model = treeModel({ ensemble, target, iterations: settings.n_estimators, matrix })
    return share.tried ? { ...model, settled: { colsample_bynode: share.value } } : model
  } finally {
    training.team.end()
  }
}

const FAINT = 1e-6

/**
 * Each class has trees of its own, and a row may fall into leaves that no row of their class was in, in all of them: then the shares
 * of the classes in the table are answered, which count too little to be seen anywhere else.
 */
function faintShares({ labels, classes }: ClassTarget, weights: Float64Array | undefined): Float32Array {
  const totals = classTotals(labels, classes.length, weights)
  const total = totals.reduce((sum, one) => sum + one, 0)
  return Float32Array.from(totals, (one) => (FAINT * one) / total)
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
  const remedy = `merge classes until there are at most ${MAX_CLASSES}, or use logistic_regression`
  throw unlearnable(problem, remedy, { about: 'target' })
}

interface Forest {
  readonly setup: TrainingSetup
  readonly settings: ForestSettings
  readonly rows: Uint32Array
  readonly hooks: LearningHooks
  /** Of the features, that each split chooses from. */
  readonly share: number
  /** Trees, for each output. */
  readonly size: number
}

interface Chosen {
  readonly value: number
  /** Whether it was found by trying. */
  readonly tried: boolean
}

/** Trees of a trial where they cost little, and where there are more than so many cells. */
const TRIAL_TREES = 30
const FEW_TRIAL_TREES = 10
const MANY_CELLS = 500_000
/** What more features must bring the loss to, as a share of that with fewer: less may be luck. */
const GOOD_ENOUGH = 0.99
/** Of the work. */
const TRIAL_PART = 0.25

/**
 * Few features for a split make trees differ, which noise asks for; all of them find the one that matters among many. What is best
 * is read off the rows that the trees of a small forest have not seen.
 */
async function chooseShare(training: Training, forest: Omit<Forest, 'share' | 'size'>): Promise<Chosen> {
  const { settings, setup, hooks } = forest
  const { features, rows, outputs } = training.arena.plan
  const usual = setup.gradients.loss === 'share' ? 1 / Math.sqrt(features) : 1 / 3
  if (settings.colsample_bynode > 0) return { value: settings.colsample_bynode, tried: false }
  const counts = new Map([usual, (usual + 1) / 2, 1].map((share) => [Math.max(1, Math.round(share * features)), share]))
  const shares = [...counts.values()]
  if (shares.length === 1) return { value: usual, tried: false }
  const size = Math.min(settings.n_estimators, features * rows * outputs > MANY_CELLS ? FEW_TRIAL_TREES : TRIAL_TREES)
  let best = { value: usual, loss: Number.POSITIVE_INFINITY }
  for (const [i, share] of shares.entries()) {
    const part = { from: (TRIAL_PART * i) / shares.length, size: TRIAL_PART / shares.length }
    const { lossOfMany: loss } = await growForest(training, { ...forest, hooks: within(hooks, part), share, size })
    if (loss < best.loss * GOOD_ENOUGH) best = { value: share, loss }
  }
  return { value: best.value, tried: true }
}

interface Grown {
  readonly trees: readonly Tree[]
  /** See OutsideJudge. */
  readonly lossOfMany: number
}

async function growForest(training: Training, forest: Forest): Promise<Grown> {
  const { setup, hooks, size } = forest
  const trees: Tree[] = []
  const outside = judgeOutside(training.arena, forest.rows)
  for (let round = 0; round < size; round++) {
    await nextTurn()
    throwIfStopped(hooks)
    const random = seededRandom(setup.seed + round * 7919)
    const { grown, drawn } = growRound(training, forest, random)
    for (const [output, nodes] of grown.entries()) {
      trees.push(finishTree(nodes, { bins: training.bins, output, rate: 1 / size }))
      outside.add(nodes, { output, drawn })
    }
    const done = (round + 1) / size
    hooks.onProgress?.({ iteration: round + 1, loss: outside.loss(), done })
  }
  return { trees, lossOfMany: outside.lossOfMany() }
}

interface GrownRound {
  /** A tree for each output. */
  readonly grown: readonly GrownNode[][]
  /** How often each row was drawn. */
  readonly drawn: Uint8Array
}

function growRound(
  { arena, team, bins }: Training,
  { setup, settings, rows, hooks, share }: Forest,
  random: Random,
): GrownRound {
  const { rules, monotone, outputs } = setup
  const { features } = arena.plan
  team.gradients(0)
  const drawn = drawWithReplacement(rows, { size: arena.plan.rows, share: settings.subsample, random })
  const distinct = weighGradients(arena, drawn)
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
