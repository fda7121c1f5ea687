import type { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../../core/clock.ts'
import { seededRandom } from '../../../core/random.ts'
import { type FitTask, openFits } from './fits.ts'

const ROWS = 200
const random = seededRandom(3)
const values = Float32Array.from({ length: ROWS * 3 }, () => random.normal())
const matrix = { form: 'dense', rows: ROWS, cols: 3, values } as const
const target = {
  task: 'classification',
  dtype: 'string',
  classes: ['low', 'high'],
  labels: Int32Array.from({ length: ROWS }, (_, row) => Number(values[3 * row]! * values[3 * row + 1]! > 0)),
} as const

const task = (algorithm: string, more: Partial<FitTask> = {}): FitTask => ({
  candidate: { algorithm, hyperparameters: {} },
  seed: 4,
  train: matrix,
  heldOut: matrix,
  features: ['a', 'b', 'c'].map((name) => ({ name, column: name, kind: 'number' })),
  target,
  deadlineMs: Number.POSITIVE_INFINITY,
  step: () => {},
  ...more,
})

describe('fits', () => {
  const here = openFits({ threads: 1, clock: systemClock })
  const threads = openFits({ threads: 2, clock: systemClock, worthwhileMs: 0 })
  afterAll(() => threads.end())

  it.each(['logistic_regression', 'gradient_boosting', 'random_forest', 'neural_network'])(
    'say the same in a thread of their own: %s',
    async (algorithm) => {
      const [expected, said] = await Promise.all([here.fit(task(algorithm)), threads.fit(task(algorithm))])
      expect(said).toEqual(expected)
    },
  )

  it('move to threads once they have taken long enough here, and take turns before', async () => {
    const fits = openFits({ threads: 2, clock: systemClock, worthwhileMs: 1e-6 })
    expect(fits.parallel).toBe(1)
    let running = 0
    const turn = () =>
      fits.turn(async () => {
        expect(++running).toBe(1)
        await fits.fit(task('logistic_regression'))
        running--
      })
    await turn()
    expect(fits.parallel).toBe(2)
    await fits.end()
  })

  it('stop when their time is up, there and here', async () => {
    const hyperparameters = { n_estimators: 20_000 }
    const long = task('gradient_boosting', { candidate: { algorithm: 'gradient_boosting', hyperparameters } })
    for (const fits of [here, threads]) {
      const deadlineMs = systemClock.elapsedMs() + 50
      await expect(fits.fit({ ...long, deadlineMs })).rejects.toMatchObject({ code: 'OVERTIME' })
    }
  })

  it('stop when the training is cancelled, and go on with the next', async () => {
    const step = () => {
      throw new Error('cancelled')
    }
    await expect(threads.fit(task('gradient_boosting', { step }))).rejects.toThrow('cancelled')
    expect((await threads.fit(task('logistic_regression'))).values).toHaveLength(2 * ROWS)
  })

  it('hand on what a learner has against the rows', async () => {
    const oneClass = { ...target, classes: ['low'], labels: new Int32Array(ROWS) }
    const said = threads.fit(task('logistic_regression', { target: oneClass }))
    await expect(said).rejects.toMatchObject({ kind: 'invalid', code: 'TRAINING_DATA_INVALID' })
  })

  it('keep no thread of one that failed', async () => {
    const fits = openFits({ threads: 2, clock: systemClock, worthwhileMs: 0 })
    const started: Worker[] = []
    const note = (worker: Worker) => started.push(worker)
    process.on('worker', note)
    try {
      const oneClass = { ...target, classes: ['low'], labels: new Int32Array(ROWS) }
      for (let trial = 0; trial < 2; trial++) {
        await expect(fits.fit(task('logistic_regression', { target: oneClass }))).rejects.toMatchObject({
          kind: 'invalid',
        })
      }
      expect(started.map(({ threadId }) => threadId)).toEqual([-1, -1])
    } finally {
      process.off('worker', note)
      await fits.end()
    }
  })
})
