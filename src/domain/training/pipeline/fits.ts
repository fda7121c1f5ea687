// Who fits the models of a comparison: this thread, and once that has taken so long that starting others pays, several threads
// beside it that read the same matrices in shared memory. Each fit is done by one thread in one order, so the figures do not
// depend on how many there are.
import type { Clock } from '../../../core/clock.ts'
import type { FeatureInfo } from '../../../ml/features.ts'
import type { Matrix } from '../../../ml/matrix.ts'
import { fitLearner, type Said, saidBy } from './fit.ts'
import { type FitThread, startFitThread } from './fit-threads.ts'
import { type Learners, taught } from './learners.ts'
import type { Step } from './progress.ts'
import type { Candidate } from './spec.ts'
import type { Target } from './target.ts'

export interface FitTask {
  readonly candidate: Candidate
  readonly seed: number
  readonly train: Matrix
  readonly heldOut: Matrix
  readonly features: readonly FeatureInfo[]
  /** Of the rows of `train`. */
  readonly target: Target
  /** On the clock's `elapsedMs`. */
  readonly deadlineMs: number
  readonly step: Step
}

export interface Fits {
  /** How many can go on at once, by now. */
  readonly parallel: number
  /** Matrices are best in shared memory. */
  readonly memory: 'own' | 'shared'
  /** Waits until it is somebody's turn: as many at once as can go on. */
  turn<T>(work: () => Promise<T>): Promise<T>
  /** Throws `internal` OVERTIME, beside what the learner throws. */
  fit(task: FitTask): Promise<Said>
  end(): Promise<void>
}

export interface FitsRequest {
  /** Given by tests only; they stay in this thread. */
  readonly learners?: Learners | undefined
  readonly threads: number
  readonly clock: Clock
  /** Time that fits must have taken here before threads are started; each takes about half a second to get ready. */
  readonly worthwhileMs?: number
}

const WORTHWHILE_MS = 2000

export function openFits({ learners, threads, clock, worthwhileMs = WORTHWHILE_MS }: FitsRequest): Fits {
  const most = learners ? 1 : threads
  const idle: FitThread[] = []
  const all = new Set<FitThread>()
  let spentMs = 0
  const parallel = () => (most > 1 && spentMs >= worthwhileMs ? most : 1)
  const here = async (task: FitTask) => {
    const startedMs = clock.elapsedMs()
    try {
      return await fitHere(task, { learners, clock })
    } finally {
      spentMs += clock.elapsedMs() - startedMs
    }
  }
  return {
    get parallel() {
      return parallel()
    },
    memory: most > 1 ? 'shared' : 'own',
    turn: turns(parallel),
    async fit(task) {
      if (parallel() === 1) return here(task)
      const thread = idle.pop() ?? startFitThread(clock)
      all.add(thread)
      try {
        const said = await thread.fit(task)
        idle.push(thread)
        return said
      } catch (error) {
        // It may be broken, or still at work. A tuning of which hundreds of trials fail must not keep a thread of each.
        all.delete(thread)
        await thread.end()
        throw error
      }
    },
    async end() {
      await Promise.all(Array.from(all, (thread) => thread.end()))
    },
  }
}

interface Here {
  readonly learners: Learners | undefined
  readonly clock: Clock
}

async function fitHere(task: FitTask, { learners, clock }: Here): Promise<Said> {
  const { candidate, seed, train, heldOut, features, target, deadlineMs, step } = task
  const { fit } = taught(candidate.algorithm, learners)
  const model = await fitLearner(fit, {
    hyperparameters: candidate.hyperparameters,
    seed,
    matrix: train,
    features,
    target,
    step,
    overtime: () => clock.elapsedMs() > deadlineMs,
  })
  return saidBy(model, heldOut)
}

/** At most `many()` at once, first come, first served. */
function turns(many: () => number): Fits['turn'] {
  const waiting: (() => void)[] = []
  let busy = 0
  const admit = () => {
    while (busy < many() && waiting.length > 0) {
      busy++
      waiting.shift()!()
    }
  }
  return async (work) => {
    await new Promise<void>((resolve) => {
      waiting.push(resolve)
      admit()
    })
    try {
      return await work()
    } finally {
      busy--
      admit()
    }
  }
}
