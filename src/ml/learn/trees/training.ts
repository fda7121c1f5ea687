// What boosting and forests have in common: the table as bins in shared memory, and a team that grows trees on it.
import { availableParallelism } from 'node:os'
import type { FeatureInfo } from '../../features.ts'
import type { Matrix } from '../../matrix.ts'
import type { BuiltModule } from '../web-assembly.ts'
import { type Arena, openArena, openSorting } from './arena.ts'
import type { FeatureBins } from './binning.ts'
import type { Gradients } from './gradients.ts'
import type { GrowRules } from './grow.ts'
import { builtKernel, openKernel } from './kernel-wasm.ts'
import { endHelpers, openTeam, sortTogether, startHelpers, type Team } from './team.ts'
import { mostParts } from './work.ts'

/** What has no say in the trees, only in time and memory. */
export interface Engine {
  /** What histograms may take; a leaf beyond it is built again when it is split. */
  readonly histogramBytes?: number
  /** Left out: what the build has made. */
  readonly kernel?: BuiltModule
}

export interface TrainingSetup extends Engine {
  readonly matrix: Matrix
  readonly features: readonly FeatureInfo[]
  readonly monotone: readonly number[]
  /** By row: the class, or the number to be predicted. */
  readonly targets: ArrayLike<number>
  readonly weights: ArrayLike<number> | undefined
  readonly outputs: number
  readonly gradients: Gradients
  readonly rules: GrowRules
  readonly maxBins: number
  readonly threads: number
  readonly seed: number
}

export interface Training {
  readonly arena: Arena
  readonly team: Team
  readonly bins: readonly FeatureBins[]
}

const HISTOGRAM_BYTES = 512 * 2 ** 20
/** Fewer rows than this in a bin say little in a table of many rows, much in one of few. */
const MIN_ROWS_PER_BIN = 3
const FEW_ROWS = 1000

export async function openTraining(setup: TrainingSetup): Promise<Training> {
  const { matrix, features, rules, outputs } = setup
  const { rows } = matrix
  const options = {
    maxBins: setup.maxBins,
    minRowsPerBin: rows < FEW_ROWS ? 1 : MIN_ROWS_PER_BIN,
    seed: setup.seed,
  }
  const task = { kinds: features.map(({ kind }) => kind), options }
  const leaves = setup.gradients.loss === 'share' ? 0 : rules.maxLeaves
  const threads = Math.min(setup.threads || worthwhileThreads(rows), features.length)
  const ahead = threads > 1 && features.length <= MOST_FEATURES_AHEAD ? LEAVES_AHEAD : 1
  const plan = { rows, features: features.length, outputs, leaves, threads, ahead }
  const sorting = openSorting(plan)
  const helpers = startHelpers(threads)
  try {
    const bins = await sortTogether(matrix, { sorting, helpers, task })
    const total = bins.reduce((sum, { count }) => sum + count, 0)
    const most = Math.floor((setup.histogramBytes ?? HISTOGRAM_BYTES) / (total * 16))
    const slots = Math.max(3, Math.min(rules.maxLeaves + 1 + ahead, most))
    const parts = mostParts({ rows, bins: total })
    const arena = openArena({ ...plan, bins: total, slots, parts }, sorting.memory)
    fillArena(arena, bins, setup)
    const { monotone, gradients } = setup
    const module = setup.kernel === undefined ? builtKernel() : setup.kernel
    const place = { arena, kernel: openKernel(arena, module), setup: { bins, monotone, rules, gradients } }
    const team = await openTeam(place, helpers, module)
    team.rows()
    return { arena, team, bins }
  } catch (error) {
    await endHelpers(helpers)
    throw error
  }
}

/** Small leaves that are split at once, at most. */
const LEAVES_AHEAD = 8
/** Each of them needs a place for what is found for every feature. */
const MOST_FEATURES_AHEAD = 1000

/** Fewer rows than this are done before a second thread has been told of them. */
const ROWS_FOR_THREADS = 100_000
const MOST_THREADS = 8

function worthwhileThreads(rows: number): number {
  return rows < ROWS_FOR_THREADS ? 1 : Math.min(MOST_THREADS, availableParallelism())
}

function fillArena(arena: Arena, bins: readonly FeatureBins[], setup: TrainingSetup): void {
  let first = 0
  for (const [feature, { count }] of bins.entries()) {
    arena.offsets[feature] = first
    first += count
  }
  arena.offsets[bins.length] = first
  arena.active.fill(1)
  arena.targets.set(setup.targets)
  if (setup.weights) arena.weights.set(setup.weights)
  else arena.weights.fill(1)
}
