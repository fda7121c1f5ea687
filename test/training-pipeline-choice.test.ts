// Choosing an algorithm and tuning its settings: whole runs of the pipeline.
import { describe, expect, it } from 'vitest'
import type { Trial } from '../src/contract/evaluation.ts'
import { systemClock } from '../src/core/clock.ts'
import { invalid } from '../src/core/failure.ts'
import { seededRandom } from '../src/core/random.ts'
import type { Candidate, TrainingProgress, TuningSpec } from '../src/domain/training/pipeline/spec.ts'
import { ALGORITHMS, fillSettings, type Learner } from '../src/ml/learn/index.ts'
import { csvOf, csvSpec, customersCsv, run, type SpecChoices } from './training-pipeline-spec.ts'

const candidate = (algorithm: keyof typeof ALGORITHMS, given: Record<string, unknown> = {}): Candidate => ({
  algorithm,
  hyperparameters: fillSettings(ALGORITHMS[algorithm].hyperparameters, given),
})
const CLASSIFIERS = [candidate('logistic_regression', { l2: 2 }), candidate('gradient_boosting', { n_estimators: 30 })]
const REGRESSORS = [candidate('linear_regression'), candidate('gradient_boosting', { n_estimators: 30 })]

/** Told apart by whether two numbers have the same sign: nothing for a straight line, little for a tree. */
function quadrants(rows = 400, seed = 1) {
  const random = seededRandom(seed)
  return Array.from({ length: rows }, () => {
    const [x, y] = [random.next() - 0.5, random.next() - 0.5]
    return { x, y, side: x * y > 0 ? 'same' : 'other', product: x * y }
  })
}

/** A straight line with noise: nothing for trees to find that a line does not. */
function line(rows = 300) {
  const random = seededRandom(2)
  return Array.from({ length: rows }, () => {
    const [a, b] = [random.normal(), random.normal()]
    return { a, b, price: 3 * a - 2 * b + random.normal() / 4 }
  })
}

const pipe = async (rows: readonly object[], target: string, choices: SpecChoices) =>
  run(await csvSpec(csvOf(rows), target, choices))

describe('a choice between candidates', () => {
  it('takes the trees where a line cannot follow', async () => {
    const outcome = await pipe(quadrants(), 'side', { candidates: CLASSIFIERS })
    expect(outcome.algorithm).toBe('gradient_boosting')
    expect(outcome.hyperparameters).toMatchObject({ n_estimators: 30 })
    expect(outcome.metrics.roc_auc).toBeGreaterThan(0.9)
    const { leaderboard } = outcome.evaluation
    expect(leaderboard.map(({ algorithm, chosen, status, metric }) => [algorithm, chosen, status, metric])).toEqual([
      ['gradient_boosting', true, 'complete', 'log_loss'],
      ['logistic_regression', false, 'pruned', 'log_loss'],
    ])
    expect(leaderboard[0]!.folds.length).toBeGreaterThanOrEqual(3)
    expect(leaderboard[0]!.rows).toBe(300)
    expect(leaderboard[0]!.value).toBeLessThan(leaderboard[1]!.value!)
  })

  it('gives nobody up over folds that hold no row of a rare class', async () => {
    const random = seededRandom(3)
    const rows = Array.from({ length: 400 }, (_, i) => {
      const rare = i % 100 === 50
      return { x: random.normal() + (rare ? 4 : 0), y: random.normal(), state: rare ? 'lost' : 'kept' }
    })
    const { leaderboard } = (await pipe(rows, 'state', { candidates: CLASSIFIERS })).evaluation
    expect(leaderboard.filter(({ reason }) => reason?.startsWith('far worse'))).toEqual([])
    expect(leaderboard.map(({ folds }) => folds.length >= 3)).toEqual([true, true])
  })

  it('gives nobody up for a figure below 0 that is better than that of one answer for all', async () => {
    const rows = Array.from({ length: 400 }, (_, day) => ({ day, twice: 2 * day, price: 3 * day + (day % 7) }))
    const candidates = [candidate('linear_regression'), candidate('gradient_boosting', { n_estimators: 2 })]
    const evaluation = { metric: 'r2', time_column: 'day' }
    const { leaderboard } = (await pipe(rows, 'price', { modelType: 'regression', candidates, evaluation })).evaluation
    expect(leaderboard.map(({ algorithm }) => algorithm)).toContain('gradient_boosting')
    expect(leaderboard.filter(({ reason }) => reason?.startsWith('far worse'))).toEqual([])
  })

  it('takes the line where there is one', async () => {
    const outcome = await pipe(line(), 'price', { modelType: 'regression', candidates: REGRESSORS })
    expect(outcome.algorithm).toBe('linear_regression')
    expect(outcome.evaluation.leaderboard[0]).toMatchObject({ algorithm: 'linear_regression', metric: 'rmse' })
  })

  it.each([
    [true, 'a column holds texts', (n: number) => `please ${n % 2 ? 'pay the invoice' : 'fix this printer'} ${n} soon`],
    [false, 'none does', (n: number) => n % 7],
  ])('compares a support vector machine: %s where %s', async (expected, _, cell) => {
    const rows = Array.from({ length: 120 }, (_, n) => ({ said: cell(n), kind: n % 2 ? 'money' : 'device' }))
    const candidates = [candidate('logistic_regression'), candidate('linear_svm')]
    const { evaluation } = await pipe(rows, 'kind', { candidates })
    expect(evaluation.leaderboard.some(({ algorithm }) => algorithm === 'linear_svm')).toBe(expected)
  })

  it('judges a line by several penalties where rows belong together, since it cannot judge itself there', async () => {
    const random = seededRandom(8)
    // Twelve rows a person, of one answer each. What persons look like says a little; thirty columns say nothing of persons nobody has seen.
    const rows = Array.from({ length: 60 }, (_, person) => {
      const looks = Array.from({ length: 30 }, (_, i) => [`looks${i}`, random.normal()])
      const taste = random.normal()
      const answer = taste + random.normal() > 0 ? 'yes' : 'no'
      return Array.from({ length: 12 }, () => ({ person, taste, answer, ...Object.fromEntries(looks) }))
    }).flat()
    const candidates = [candidate('logistic_regression'), candidate('gradient_boosting', { n_estimators: 5 })]
    const evaluation = { group_column: 'person' }
    const { leaderboard } = (await pipe(rows, 'answer', { candidates, evaluation })).evaluation
    const lines = leaderboard.filter(({ algorithm }) => algorithm === 'logistic_regression')
    expect(lines.map(({ hyperparameters }) => hyperparameters.l2).sort()).toEqual([1, 10, 100, 1000])
    const lossOf = (l2: number) => lines.find(({ hyperparameters }) => hyperparameters.l2 === l2)!.value!
    expect(lossOf(100)).toBeLessThan(lossOf(1) - 0.1)
  })

  it('goes by the metric that was named', async () => {
    const evaluation = { metric: 'accuracy' }
    const outcome = await pipe(quadrants(200), 'side', { candidates: CLASSIFIERS, evaluation })
    expect(outcome.evaluation.leaderboard.every(({ metric }) => metric === 'accuracy')).toBe(true)
  })

  it('tells of every candidate', async () => {
    const seen: TrainingProgress[] = []
    const spec = await csvSpec(csvOf(quadrants(200)), 'side', { candidates: CLASSIFIERS })
    await run(spec, { progress: (progress) => seen.push(progress) })
    const told = seen.filter(({ trial }) => trial)
    expect(told.map(({ trial }) => trial?.algorithm)).toEqual(['logistic_regression', 'gradient_boosting'])
    expect(told[0]).toMatchObject({
      stage: 'choose',
      message: expect.stringMatching(/^logistic_regression: log_loss 0/),
    })
    const shares = seen.map(({ progress }) => progress)
    expect(shares).toEqual([...shares].sort((a, b) => a - b))
  })

  it('leaves out a candidate that cannot learn these rows, and says why', async () => {
    const broken: Learner = () => {
      throw Object.assign(new Error('never'), {})
    }
    const refusing: Learner = (input) => ALGORITHMS.linear_regression.fit({ ...input, hyperparameters: { l2: -1 } })
    const learners = { ...ALGORITHMS, gradient_boosting: { fit: refusing } }
    const spec = await csvSpec(csvOf(line(100)), 'price', { modelType: 'regression', candidates: REGRESSORS })
    const outcome = await run(spec, { learners })
    expect(outcome.algorithm).toBe('linear_regression')
    const failed = outcome.evaluation.leaderboard.find(({ algorithm }) => algorithm === 'gradient_boosting')
    expect(failed).toMatchObject({ status: 'failed', value: null, reason: expect.stringContaining('hyperparameters') })
    const crash = run(spec, { learners: { ...ALGORITHMS, gradient_boosting: { fit: broken } } })
    await expect(crash).rejects.toThrow('never')
  })

  it('takes the simplest where no candidate can be compared, and says so', async () => {
    const few =
      (learner: Learner): Learner =>
      (input) => {
        if (input.matrix.rows < 70) throw invalid('hyperparameters', [{ field: 'rows', message: 'are too few' }])
        return learner(input)
      }
    const learners = {
      linear_regression: { fit: few(ALGORITHMS.linear_regression.fit) },
      gradient_boosting: { fit: few(ALGORITHMS.gradient_boosting.fit) },
    }
    const spec = await csvSpec(csvOf(line(100)), 'price', { modelType: 'regression', candidates: REGRESSORS })
    const outcome = await run(spec, { learners })
    expect(outcome.algorithm).toBe('linear_regression')
    expect(outcome.evaluation.leaderboard.map(({ status, value }) => [status, value])).toEqual([
      ['failed', null],
      ['failed', null],
    ])
    expect(outcome.warnings).toContainEqual(expect.stringContaining('No algorithm could be compared'))
  })

  it('fails where the simplest cannot learn either', async () => {
    const refusing: Learner = () => {
      throw invalid('hyperparameters', [{ field: 'rows', message: 'are the wrong ones' }])
    }
    const learners = { linear_regression: { fit: refusing }, gradient_boosting: { fit: refusing } }
    const spec = await csvSpec(csvOf(line(100)), 'price', { modelType: 'regression', candidates: REGRESSORS })
    await expect(run(spec, { learners })).rejects.toMatchObject({ code: 'VALIDATION_ERROR' })
  })

  it('takes the simplest where there is no time to compare, and says what to do', async () => {
    // Two minutes pass between any two looks at the clock.
    let ms = 0
    const clock = { ...systemClock, elapsedMs: () => (ms += 120_000) }
    const spec = await csvSpec(csvOf(quadrants(200)), 'side', { candidates: [...CLASSIFIERS].reverse() })
    const outcome = await run(spec, { clock })
    const simplest = 'gradient_boosting'
    expect(outcome.algorithm).toBe(simplest)
    expect(outcome.evaluation.leaderboard.some(({ chosen }) => chosen)).toBe(true)
    expect(outcome.warnings).toContainEqual(expect.stringMatching(/no time .*raise tuning.time_budget_seconds/))
  })

  it('lets the quick ones go on where the time is too short for all', async () => {
    let ms = 0
    const taking = (seconds: number, algorithm: { fit: Learner }): { fit: Learner } => ({
      fit: (input) => {
        ms += 1000 * seconds
        return algorithm.fit(input)
      },
    })
    const learners = {
      linear_regression: taking(0.1, ALGORITHMS.linear_regression),
      gradient_boosting: taking(8, ALGORITHMS.gradient_boosting),
      random_forest: taking(0.1, ALGORITHMS.random_forest),
    }
    const candidates = [...REGRESSORS, candidate('random_forest', { n_estimators: 20 })]
    const spec = await csvSpec(csvOf(line(200)), 'price', { modelType: 'regression', candidates })
    const outcome = await run(spec, { learners, clock: { ...systemClock, elapsedMs: () => ms } })
    const board = new Map(outcome.evaluation.leaderboard.map((trial) => [trial.algorithm, trial]))
    expect(board.get('gradient_boosting')).toMatchObject({
      reason: expect.stringContaining('no time was left after 2 of'),
    })
    expect(board.get('gradient_boosting')!.folds.length).toBeLessThan(board.get('linear_regression')!.folds.length)
    expect(outcome.algorithm).toBe('linear_regression')
  })

  it.each([
    ['once where that takes its time', 0.3, 5],
    ['twice where that is quick', 0.1, 10],
  ])('judges the rows of a small table %s', async (_, seconds, folds) => {
    let ms = 0
    const taking = (algorithm: { fit: Learner }): { fit: Learner } => ({
      fit: (input) => {
        ms += 1000 * seconds
        return algorithm.fit(input)
      },
    })
    const learners = {
      linear_regression: taking(ALGORITHMS.linear_regression),
      gradient_boosting: taking(ALGORITHMS.gradient_boosting),
      blend: ALGORITHMS.blend,
    }
    const random = seededRandom(4)
    const noisy = quadrants(200).map((row) => ({
      ...row,
      price: row.x + Math.sign(row.x * row.y) / 4 + random.normal(),
    }))
    const spec = await csvSpec(csvOf(noisy, ['x', 'y', 'price']), 'price', {
      modelType: 'regression',
      candidates: REGRESSORS,
    })
    const outcome = await run(spec, { learners, clock: { ...systemClock, elapsedMs: () => ms } })
    expect(Math.max(...outcome.evaluation.leaderboard.map((trial) => trial.folds.length))).toBe(folds)
  })

  it.each([3, 4, 6])('makes a model of %i rows, whatever can be compared', async (rows) => {
    const few = Array.from({ length: rows }, (_, i) => ({ a: i, b: (i * 7) % 3, price: 2 * i + ((i * 5) % 3) }))
    const outcome = await pipe(few, 'price', { modelType: 'regression', candidates: REGRESSORS })
    expect(Number.isFinite(outcome.metrics.rmse)).toBe(true)
  })

  it('makes a model where a class has a single row to learn from', async () => {
    const rows = [...quadrants(60), ...quadrants(2, 9).map((row) => ({ ...row, side: 'rare' }))]
    const outcome = await pipe(rows, 'side', { candidates: CLASSIFIERS })
    expect(outcome.evaluation.leaderboard.every(({ value }) => value !== null)).toBe(true)
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const spec = await csvSpec(csvOf(quadrants()), 'side', { candidates: CLASSIFIERS })
    const stopped = run(spec, {
      signal: controller.signal,
      progress: ({ stage }) => {
        if (stage === 'choose') controller.abort()
      },
    })
    await expect(stopped).rejects.toMatchObject({ code: 'TRAINING_CANCELLED' })
  })
})

describe('a blend', () => {
  /** A line for the one, corners for the other: each knows what the other does not. */
  const both = (rows = 300) => {
    const random = seededRandom(4)
    return quadrants(rows, 3).map(({ x, y }) => {
      const [a, b, c, d] = Array.from({ length: 4 }, () => random.normal()) as [number, number, number, number]
      return { a, b, c, d, x, y, sum: a - b + c - d + (x * y > 0 ? 3 : 0) + random.normal() / 2 }
    })
  }
  const pair = [
    candidate('linear_regression'),
    candidate('gradient_boosting', { n_estimators: 60, learning_rate: 0.1 }),
  ]
  const choices: SpecChoices = { modelType: 'regression', candidates: pair }

  it('is taken where candidates know different things', async () => {
    const outcome = await pipe(both(), 'sum', choices)
    expect(outcome.algorithm).toBe('blend')
    const { leaderboard } = outcome.evaluation
    expect(leaderboard.map(({ algorithm }) => algorithm).sort()).toEqual([
      'blend',
      'gradient_boosting',
      'linear_regression',
    ])
    expect(leaderboard[0]).toMatchObject({ algorithm: 'blend', chosen: true, rows: 225 })
    const { members } = outcome.hyperparameters as { members: Candidate[] }
    expect(members.map(({ algorithm }) => algorithm)).toEqual(['linear_regression', 'gradient_boosting'])
    for (const { value } of leaderboard.slice(1)) expect(leaderboard[0]!.value).toBeLessThan(value! - 0.001)
  })

  it('can be asked for by what was chosen, and is the same model', async () => {
    const chosen = await pipe(both(), 'sum', choices)
    expect(chosen.algorithm).toBe('blend')
    const { algorithm, hyperparameters } = chosen
    const again = await pipe(both(), 'sum', { modelType: 'regression', algorithm, hyperparameters })
    expect(again.artifact.sha256).toBe(chosen.artifact.sha256)
  })

  it('reads every kind of column in the way of each member', async () => {
    const choices: SpecChoices = { algorithm: 'blend', evaluation: { folds: 2 } }
    const outcome = await run(await csvSpec(customersCsv('plan'), 'plan', choices))
    expect(outcome.metrics.accuracy).toBeGreaterThan(0.6)
    expect(new Set(outcome.featureNames).size).toBe(outcome.featureNames.length)
    expect(outcome.featureNames).toEqual(expect.arrayContaining(['age', 'age (2)', 'city=Rome', 'city']))
    expect(outcome.explanation).toBeDefined()
  })

  it('is told of together with what it is made of, which an interrupted attempt would be known by', async () => {
    const told: { readonly algorithm: string; readonly later: boolean }[] = []
    let later = false
    const progress = ({ trial }: TrainingProgress) => {
      if (!trial) return
      if (told.length === 0) queueMicrotask(() => (later = true))
      told.push({ algorithm: trial.algorithm, later })
    }
    await run(await csvSpec(csvOf(both()), 'sum', choices), { progress })
    const algorithms = ['linear_regression', 'gradient_boosting', 'blend']
    expect(told).toEqual(algorithms.map((algorithm) => ({ algorithm, later: false })))
  })

  it('is taken over from an interrupted attempt', async () => {
    const whole = await pipe(both(), 'sum', choices)
    const { leaderboard } = whole.evaluation
    const finished = [...leaderboard].sort((a, b) => a.number - b.number)
    const again = await pipe(both(), 'sum', { ...choices, finished })
    expect(again.evaluation.leaderboard).toEqual(leaderboard)
    expect(again.artifact.sha256).toBe(whole.artifact.sha256)
  })
})

describe('a tuning', () => {
  const tuning = (trials: number, more: Partial<TuningSpec> = {}): TuningSpec => ({
    trials,
    time_budget_seconds: 100,
    fixed: [],
    ...more,
  })
  const poor = candidate('gradient_boosting', { n_estimators: 50, learning_rate: 0.01, max_leaves: 2 })

  it('finds better settings than it began with, and trains with them', async () => {
    const choices: SpecChoices = { ...poor, tuning: tuning(8) }
    const outcome = await pipe(quadrants(300), 'side', choices)
    const { trials } = outcome.evaluation
    expect(trials).toHaveLength(8)
    expect(trials[0]!.hyperparameters).toEqual(poor.hyperparameters)
    const chosen = trials.filter((trial) => trial.chosen)
    expect(chosen).toHaveLength(1)
    expect(chosen[0]!.value).toBeLessThan(trials[0]!.value!)
    expect(outcome.hyperparameters).toEqual(chosen[0]!.hyperparameters)
  })

  it('does not search what was given', async () => {
    const choices: SpecChoices = { ...poor, tuning: tuning(4, { fixed: ['learning_rate', 'max_leaves'] }) }
    const { evaluation } = await pipe(quadrants(150), 'side', choices)
    for (const { hyperparameters } of evaluation.trials) {
      expect(hyperparameters).toMatchObject({ learning_rate: 0.01, max_leaves: 2 })
    }
  })

  it('follows a choice', async () => {
    const outcome = await pipe(line(200), 'price', {
      modelType: 'regression',
      candidates: REGRESSORS,
      tuning: tuning(3),
    })
    expect(outcome.evaluation.leaderboard).toHaveLength(2)
    expect(outcome.evaluation.trials.map(({ algorithm }) => algorithm)).toEqual(new Array(3).fill('linear_regression'))
  })

  it('goes on from what an interrupted attempt found out, and ends as it would have', async () => {
    const choices: SpecChoices = {
      modelType: 'regression',
      ...candidate('linear_regression'),
      tuning: tuning(6),
    }
    const whole = await pipe(line(120), 'price', choices)
    let fits = 0
    const learners = {
      linear_regression: {
        fit: (...args: Parameters<Learner>) => {
          fits++
          return ALGORITHMS.linear_regression.fit(...args)
        },
      },
    }
    const finished = whole.evaluation.trials.slice(0, 4)
    const spec = await csvSpec(csvOf(line(120)), 'price', { ...choices, finished })
    const again = await run(spec, { learners })
    const settings = (trials: readonly Trial[]) => trials.map(({ hyperparameters, value }) => [hyperparameters, value])
    expect(settings(again.evaluation.trials)).toEqual(settings(whole.evaluation.trials))
    expect(again.artifact.sha256).toBe(whole.artifact.sha256)
    // Two trials of ten folds each, and the model itself.
    expect(fits).toBeLessThanOrEqual(2 * 10 + 1)
  })

  it('ends when its time is up, with what it has', async () => {
    const choices: SpecChoices = { ...poor, tuning: tuning(1000, { time_budget_seconds: 1 }) }
    const outcome = await pipe(quadrants(200), 'side', choices)
    expect(outcome.evaluation.trials.length).toBeLessThan(1000)
    expect(outcome.algorithm).toBe('gradient_boosting')
  })

  it('says so where nothing is left to search', async () => {
    const choices: SpecChoices = {
      ...candidate('logistic_regression'),
      tuning: tuning(5, { fixed: ['l1', 'l2'] }),
    }
    const outcome = await run(await csvSpec(customersCsv('plan'), 'plan', choices))
    expect(outcome.evaluation.trials).toEqual([])
    expect(outcome.warnings).toContainEqual(expect.stringContaining('nothing to tune'))
  })
})
