// Gradient boosting (Friedman 2001, in the histogram form of LightGBM, Ke et al. 2017): every round grows a tree, or one a
// class, on the derivatives of the loss at the scores so far. The event loop gets a turn every round, so a stop is heard.
import { setImmediate as nextTurn } from 'node:timers/promises'
import { seededRandom } from '../../../core/random.ts'
import { type LearningHooks, throwIfStopped } from '../learner.ts'
import type { Tree } from './ensemble.ts'
import { finishTree } from './finish-tree.ts'
import { growTree } from './grow.ts'
import { huberScale, meanLoss, startingScores } from './losses.ts'
import { renewLeaves } from './renew-leaves.ts'
import { drawFeatures, drawRows, othersThan } from './sampling.ts'
import { layOut } from './scores.ts'
import { openTraining, type Training, type TrainingSetup } from './training.ts'

export interface BoostOptions {
  readonly setup: TrainingSetup
  readonly rounds: number
  readonly learningRate: number
  readonly subsample: number
  readonly colsample: number
  /** Rows to learn from, ascending. */
  readonly trainRows: Uint32Array
  /** Rows to judge by; empty for none. */
  readonly validationRows: Uint32Array
  /** Rounds without improvement after which to stop; 0 for never. */
  readonly patience: number
  readonly hooks: LearningHooks
}

export interface Boosted {
  /** One for each output. */
  readonly base: Float32Array
  readonly trees: readonly Tree[]
  readonly rounds: number
  readonly stoppedEarly: boolean
  /** Of the rows to judge by, after each round that was run. */
  readonly losses: readonly number[]
}

/** The loss is shown for so many rows. */
const SHOWN_ROWS = 5000

export async function boost(options: BoostOptions): Promise<Boosted> {
  throwIfStopped(options.hooks)
  const training = await openTraining(options.setup)
  try {
    return await runRounds(options, training)
  } finally {
    training.team.end()
  }
}

async function runRounds(options: BoostOptions, training: Training): Promise<Boosted> {
  const { setup, trainRows, validationRows, hooks, rounds } = options
  const { arena } = training
  const base = Float32Array.from(startingScores(arena, setup.gradients, trainRows))
  for (let k = 0; k < base.length; k++) arena.scores.fill(base[k]!, k * arena.plan.rows, (k + 1) * arena.plan.rows)
  const judged = validationRows.length > 0 ? validationRows : someOf(trainRows)
  const trees: Tree[] = []
  const losses: number[] = []
  let best = { loss: Number.POSITIVE_INFINITY, rounds: 0 }
  const sampled = options.subsample < 1 || options.colsample < 1
  let barren = 0
  let done = 0
  // The boundary falls with the errors of the rows learned from, and every loss with it: rounds are compared by the first one.
  let judgedBy = 0
  for (; done < rounds; done++) {
    await nextTurn()
    const scale = setup.gradients.loss === 'huber' ? huberScale(arena, setup.gradients.alpha, trainRows) : 0
    if (done === 0) judgedBy = scale
    const grown = runRound(options, training, { round: done, scale })
    trees.push(...grown)
    const loss = meanLoss(arena, setup.gradients, judged, judgedBy)
    losses.push(loss)
    hooks.onProgress?.({ iteration: done + 1, loss, done: (done + 1) / rounds })
    if (loss < best.loss) best = { loss, rounds: done + 1 }
    if (options.patience > 0 && done + 1 - best.rounds >= options.patience) break
    barren = grown.some(isSplit) ? 0 : barren + 1
    if (barren === (sampled ? PATIENCE_WITHOUT_SPLIT : 1)) break
  }
  const last = options.patience > 0 ? best.rounds : Math.min(done + 1, rounds) - barren
  return { base, trees: trees.slice(0, last * arena.plan.outputs), rounds: last, stoppedEarly: done < rounds, losses }
}

/** Other rows and features may be drawn in the next round, but not for ever. */
const PATIENCE_WITHOUT_SPLIT = 10

function isSplit(tree: Tree): boolean {
  return tree.feature.length > 1
}

function someOf(rows: Uint32Array): Uint32Array {
  const step = Math.max(1, Math.floor(rows.length / SHOWN_ROWS))
  return rows.filter((_, i) => i % step === 0)
}

interface Round {
  readonly round: number
  readonly scale: number
}

function runRound(options: BoostOptions, { arena, team, bins }: Training, { round, scale }: Round): Tree[] {
  const { setup, trainRows, validationRows, subsample, colsample, learningRate, hooks } = options
  const { outputs, features } = arena.plan
  const random = seededRandom(setup.seed + round * 7919)
  team.gradients(scale)
  const rows = subsample < 1 ? drawRows(trainRows, subsample, random) : trainRows
  const others = subsample < 1 ? othersThan(rows, trainRows) : new Uint32Array(0)
  drawFeatures(arena.active.subarray(0, features), colsample, random)
  arena.active.copyWithin(features, 0, features)
  const trees: Tree[] = []
  for (let output = 0; output < outputs; output++) {
    arena.order.set(rows)
    arena.order.set(others, rows.length)
    arena.order.set(validationRows, rows.length + others.length)
    const { rules, monotone } = setup
    const checkStop = () => throwIfStopped(hooks)
    const nodes = growTree({ arena, team, bins, monotone, rules, checkStop }, output, rows.length)
    renewLeaves(nodes, arena, { gradients: setup.gradients, monotone })
    const tree = finishTree(nodes, { bins, output, rate: learningRate })
    layOut(arena, nodes, tree)
    const all = rows.length + others.length + validationRows.length
    team.add({ output, nodes: nodes.length, grown: rows.length, rows: all })
    trees.push(tree)
  }
  return trees
}
