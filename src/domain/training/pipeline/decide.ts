// From what was asked for to one algorithm with its settings: a choice where several algorithms would do, then a tuning
// where one was asked for.
import { availableParallelism } from 'node:os'
import type { Trial } from '../../../contract/evaluation.ts'
import { USUAL_ROUNDS } from '../../../ml/learn/index.ts'
import { CHOICE_SECONDS, choose } from './choose.ts'
import { type ComparisonRequest, createComparison } from './comparison.ts'
import { openFits } from './fits.ts'
import type { Candidate } from './spec.ts'
import { tune } from './tune.ts'

export interface Decision {
  readonly candidate: Candidate
  readonly leaderboard: readonly Trial[]
  readonly trials: readonly Trial[]
  readonly warnings: readonly string[]
}

/** Share of a tuning's time that choosing the algorithm may take. */
const CHOICE_SHARE = 0.3
/** Each holds models and work space of its own. */
const MOST_THREADS = 4

type Undecided = Omit<ComparisonRequest, 'fits'>

export async function decide(undecided: Undecided): Promise<Decision> {
  const request = { ...undecided, spec: withoutInnerFolds(undecided.spec) }
  const { spec, learners, clock } = request
  const { candidates = [], tuning } = spec
  if (candidates.length < 2 && !tuning) return { candidate: asked(spec), leaderboard: [], trials: [], warnings: [] }
  const fits = openFits({ learners, clock, threads: Math.min(MOST_THREADS, availableParallelism()) })
  try {
    return await decideWith({ ...request, fits })
  } finally {
    await fits.end()
  }
}

/**
 * Learners divide their rows without regard to groups and time. Where rows belong together, each part would be judged by rows
 * that it half knows, and too many rounds would seem best: they are as many as in a large table.
 */
export function withoutInnerFolds<T extends Undecided['spec']>(spec: T): T {
  const { group_column, time_column } = spec.evaluation
  if (group_column === undefined && time_column === undefined) return spec
  return { ...spec, ...fixed(spec), ...(spec.candidates && { candidates: spec.candidates.map(fixed) }) }
}

function fixed({ algorithm, hyperparameters }: Candidate): Candidate {
  const open = algorithm === 'gradient_boosting' && hyperparameters.n_estimators === 0
  return { algorithm, hyperparameters: open ? { ...hyperparameters, n_estimators: USUAL_ROUNDS } : hyperparameters }
}

function asked({ algorithm, hyperparameters }: Undecided['spec']): Candidate {
  return { algorithm, hyperparameters }
}

async function decideWith(request: ComparisonRequest): Promise<Decision> {
  const { spec, reporter, clock } = request
  const { candidates = [], tuning } = spec
  const comparison = createComparison(request)
  const startedMs = clock.elapsedMs()
  const budgetMs = (tuning?.time_budget_seconds ?? Number.POSITIVE_INFINITY) * 1000
  const chosen =
    candidates.length < 2
      ? undefined
      : await reporter.stage('choose', `Comparing ${candidates.length} algorithms`, (step) =>
          choose({ ...comparison, step }, candidates, Math.min(CHOICE_SECONDS * 1000, budgetMs * CHOICE_SHARE)),
        )
  const start = chosen?.candidate ?? asked(spec)
  const tuned =
    tuning &&
    (await reporter.stage('tune', `Tuning ${start.algorithm} in up to ${tuning.trials} trials`, (step) =>
      tune({ ...comparison, step }, start, { ...tuning, budgetMs: budgetMs - (clock.elapsedMs() - startedMs) }),
    ))
  return {
    candidate: tuned?.candidate ?? start,
    leaderboard: chosen?.leaderboard ?? [],
    trials: tuned?.trials ?? [],
    warnings: [...(chosen?.warnings ?? []), ...(tuned?.warnings ?? [])],
  }
}
