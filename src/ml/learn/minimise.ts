// L-BFGS for smooth losses (Liu and Nocedal 1989) and OWL-QN where an L1 penalty is added (Andrew and Gao 2007, "Scalable
// training of L1-regularized log-linear models"). Both stop on the largest entry of the gradient, as scikit-learn does.
import { type Curvature, createCurvature, dot, type Tail } from './curvature.ts'
import { type LearningHooks, throwIfStopped } from './learner.ts'
import { type AlongDirection, searchLine } from './line-search.ts'
import { createOrthantSearch } from './orthant.ts'

export interface Objective {
  /** Number of parameters. */
  readonly size: number
  /** Parameters whose curvature differs from that of the others; see CurvatureOptions. */
  readonly tail?: Tail
  /** The value at `at`; fills `gradient`. Both arrays have `size` entries and are not kept. */
  evaluate(at: Float64Array, gradient: Float64Array): number
}

export interface MinimiseOptions {
  readonly maxIterations: number
  /** Done once no entry of the (pseudo-)gradient is larger. */
  readonly tolerance: number
  /** Added to the objective as strength·Σ|parameter| over the first `count` parameters. */
  readonly l1?: L1Penalty
  readonly hooks?: LearningHooks
  /** What an earlier search over a similar objective learned; taken over and added to. */
  readonly curvature?: Curvature
}

export interface L1Penalty {
  readonly strength: number
  readonly count: number
}

export interface Minimum {
  readonly at: Float64Array
  readonly loss: number
  readonly iterations: number
  readonly converged: boolean
}

/** Progress between two iterations is smaller than rounding: nothing more can be gained (as in L-BFGS-B, factr = 64). */
const RELATIVE_GAIN = 64 * Number.EPSILON
const MEMORY = 10
/** History of very many parameters is kept shorter: 2 × memory vectors have to fit. */
const HISTORY_NUMBERS = 80_000_000

interface State {
  readonly at: Float64Array
  readonly gradient: Float64Array
  loss: number
}

export function curvatureOf({ size, tail }: Objective): Curvature {
  const memory = Math.max(3, Math.min(MEMORY, Math.floor(HISTORY_NUMBERS / 2 / size)))
  return createCurvature(size, { memory, ...(tail && { tail }) })
}

/** Starts from `start`, which is not changed. */
export function minimise(objective: Objective, start: Float64Array, options: MinimiseOptions): Minimum {
  const { maxIterations, tolerance, hooks = {} } = options
  const { size } = objective
  const l1 = options.l1 && options.l1.strength > 0 ? options.l1 : undefined
  const curvature = options.curvature ?? curvatureOf(objective)
  const direction = new Float64Array(size)
  let current: State = { at: Float64Array.from(start), gradient: new Float64Array(size), loss: 0 }
  let trial: State = { at: new Float64Array(size), gradient: new Float64Array(size), loss: 0 }
  current.loss = objective.evaluate(current.at, current.gradient)
  const search = l1 ? createOrthantSearch(objective, l1) : createSmoothSearch(objective)
  if (l1) current.loss += search.penalty(current.at)
  const report = createReport(maxIterations, tolerance, hooks)
  const finish = ({ at, loss }: State, iterations: number, converged: boolean): Minimum => {
    hooks.onProgress?.({ iteration: iterations, loss, done: 1 })
    return { at, loss, iterations, converged }
  }

  for (let iteration = 0; ; iteration++) {
    throwIfStopped(hooks)
    const steepest = search.descent(current, direction)
    if (steepest <= tolerance) return finish(current, iteration, true)
    if (iteration >= maxIterations) return finish(current, iteration, false)
    if (iteration > 0) report(iteration, current.loss, steepest)
    curvature.toDirection(direction)
    if (!search.step({ current, trial, direction, isFirst: curvature.pairs === 0 })) {
      // A direction that does not descend means the memory has gone stale; with none left, rounding is all there is.
      if (curvature.pairs === 0) return finish(current, iteration, true)
      curvature.forget()
      continue
    }
    curvature.remember({ to: trial.at, from: current.at }, { to: trial.gradient, from: current.gradient })
    const gain = current.loss - trial.loss
    const scale = Math.max(Math.abs(current.loss), Math.abs(trial.loss), 1)
    ;[current, trial] = [trial, current]
    if (gain <= RELATIVE_GAIN * scale) return finish(current, iteration + 1, true)
  }
}

export interface StepInput {
  readonly current: Readonly<State>
  /** Filled with the accepted point. */
  readonly trial: State
  readonly direction: Float64Array
  readonly isFirst: boolean
}

export interface Search {
  penalty(at: Float64Array): number
  /** Copies the (pseudo-)gradient into `into` and answers its largest absolute entry. */
  descent(state: Readonly<State>, into: Float64Array): number
  /** False when no step along the direction lowers the loss. */
  step(input: StepInput): boolean
}

function createSmoothSearch(objective: Objective): Search {
  return {
    penalty: () => 0,
    descent({ gradient }, into) {
      into.set(gradient)
      return largest(gradient)
    },
    step({ current, trial, direction, isFirst }) {
      const slope = dot(current.gradient, direction)
      if (!(slope < 0)) return false
      let last = { step: 0, value: current.loss, slope }
      const along = (step: number) => {
        if (step === last.step) return last
        moveAlong(trial.at, current.at, { direction, step })
        trial.loss = objective.evaluate(trial.at, trial.gradient)
        last = { step, value: trial.loss, slope: dot(trial.gradient, direction) }
        return last
      }
      const step = isFirst ? firstStep(along, slope, Math.min(1, 1 / Math.sqrt(dot(direction, direction)))) : 1
      return searchLine(along, { value: current.loss, slope, step }) > 0
    },
  }
}

/** Without any memory the scale of a step is unknown: where the slope at `probe` says "much further", go there. */
function firstStep(along: AlongDirection, slope: number, probe: number): number {
  const reached = along(probe).slope
  if (!(reached < 0.9 * slope)) return probe
  return Math.min(probe * 1e6, (probe * slope) / (slope - reached))
}

function moveAlong(
  out: Float64Array,
  from: Float64Array,
  { direction, step }: { direction: Float64Array; step: number },
): void {
  for (let i = 0; i < out.length; i++) out[i] = from[i]! + step * direction[i]!
}

function largest(values: Float64Array): number {
  let found = 0
  for (let i = 0; i < values.length; i++) {
    const size = Math.abs(values[i]!)
    if (size > found) found = size
  }
  return found
}

/** Iterations done or digits of the gradient gained, whichever is further. */
function createReport(maxIterations: number, tolerance: number, { onProgress }: LearningHooks) {
  let first: number | undefined
  let done = 0
  return (iteration: number, loss: number, steepest: number): void => {
    first ??= steepest
    const digits = Math.log(first / steepest) / Math.log(Math.max(2, first / Math.max(tolerance, 1e-12)))
    done = Math.min(1, Math.max(done, iteration / maxIterations, Number.isFinite(digits) ? digits : 0))
    onProgress?.({ iteration, loss, done })
  }
}
