// The line search of Moré and Thuente (1994), "Line search algorithms with guaranteed sufficient decrease", ACM TOMS 20,
// as MINPACK-2's dcsrch and dcstep do it: the search that SciPy's L-BFGS-B uses, so iterations are comparable with it.

/** Value and slope of the function along the direction, at step `step`. */
export type AlongDirection = (step: number) => { readonly value: number; readonly slope: number }

export interface LineSearchStart {
  readonly value: number
  /** Slope at step 0; must be negative. */
  readonly slope: number
  readonly step: number
}

const SUFFICIENT_DECREASE = 1e-3
const CURVATURE = 0.9
const INTERVAL_TOLERANCE = 0.1
const MAX_STEP = 1e10
const MAX_EVALUATIONS = 30

/** One end of the interval of uncertainty. */
interface End {
  step: number
  value: number
  slope: number
}

interface Interval {
  best: End
  other: End
  bracketed: boolean
}

/**
 * A step that satisfies the strong Wolfe conditions, or the best one where rounding ends the search earlier; 0 when no
 * step lowers the function. The function was last evaluated at the step that is returned (unless that is 0).
 */
export function searchLine(along: AlongDirection, start: LineSearchStart): number {
  const test = SUFFICIENT_DECREASE * start.slope
  const end = { step: 0, value: start.value, slope: start.slope }
  const interval: Interval = { best: end, other: { ...end }, bracketed: false }
  let firstStage = true
  let width = MAX_STEP
  let widthBefore = 2 * MAX_STEP
  let low = 0
  let high = 5 * start.step
  let step = start.step
  for (let evaluation = 1; ; evaluation++) {
    const { value, slope } = along(step)
    const limit = start.value + step * test
    if (!Number.isFinite(value)) {
      if (evaluation >= MAX_EVALUATIONS) return 0
      high = step
      step = interval.best.step + (step - interval.best.step) / 10
      continue
    }
    if (value <= limit && Math.abs(slope) <= CURVATURE * -start.slope) return step
    if (firstStage && value <= limit && slope >= 0) firstStage = false
    const stuck =
      evaluation >= MAX_EVALUATIONS ||
      (interval.bracketed && (step <= low || step >= high || high - low <= INTERVAL_TOLERANCE * high))
    if (stuck) return settle(along, { best: interval.best, step, value })
    const tilt = firstStage && value <= interval.best.value && value > limit ? test : 0
    step = nextStep(interval, { step, value, slope }, { low, high, tilt })
    if (interval.bracketed) {
      const span = Math.abs(interval.other.step - interval.best.step)
      if (span >= 0.66 * widthBefore) step = interval.best.step + 0.5 * (interval.other.step - interval.best.step)
      widthBefore = width
      width = span
      low = Math.min(interval.best.step, interval.other.step)
      high = Math.max(interval.best.step, interval.other.step)
    } else {
      low = step + 1.1 * (step - interval.best.step)
      high = step + 4 * (step - interval.best.step)
    }
    step = Math.min(MAX_STEP, Math.max(0, step))
    const flat = interval.bracketed && (step <= low || step >= high || high - low <= INTERVAL_TOLERANCE * high)
    if (flat) step = interval.best.step
    if (flat && step === 0) return 0
  }
}

/** The better of the last step and the best end; evaluates again where that is not the last one. */
function settle(along: AlongDirection, last: { best: End; step: number; value: number }): number {
  if (last.value <= last.best.value) return last.step
  if (last.best.step > 0 && last.best.step !== last.step) along(last.best.step)
  return last.best.step
}

interface Bounds {
  readonly low: number
  readonly high: number
  /** Slope of the line taken off while no step with a lower value than the sufficient decrease is known. */
  readonly tilt: number
}

/** dcstep: shrinks the interval around a minimiser and proposes the next step. */
function nextStep(interval: Interval, at: End, { low, high, tilt }: Bounds): number {
  const best = tilted(interval.best, tilt)
  const other = tilted(interval.other, tilt)
  const trial = tilted(at, tilt)
  const opposite = trial.slope * Math.sign(best.slope) < 0
  let proposal: number
  if (trial.value > best.value) {
    const cubic = cubicMinimum(best, trial)
    const quadratic =
      best.step +
      (best.slope / ((best.value - trial.value) / (trial.step - best.step) + best.slope) / 2) * (trial.step - best.step)
    const nearer = Math.abs(cubic - best.step) < Math.abs(quadratic - best.step)
    proposal = nearer ? cubic : cubic + (quadratic - cubic) / 2
    interval.bracketed = true
  } else if (opposite) {
    const cubic = cubicMinimum(trial, best)
    const secant = secantMinimum(trial, best)
    proposal = Math.abs(cubic - trial.step) > Math.abs(secant - trial.step) ? cubic : secant
    interval.bracketed = true
  } else if (Math.abs(trial.slope) < Math.abs(best.slope)) {
    proposal = stepWhereSlopeFalls(best, trial, { low, high, other: interval.bracketed ? other : undefined })
  } else if (interval.bracketed) {
    proposal = cubicMinimum(trial, other)
  } else {
    proposal = trial.step > best.step ? high : low
  }
  if (trial.value > best.value) {
    interval.other = at
  } else {
    if (opposite) interval.other = interval.best
    interval.best = at
  }
  return proposal
}

function tilted({ step, value, slope }: End, tilt: number): End {
  return { step, value: value - step * tilt, slope: slope - tilt }
}

function secantMinimum(a: End, b: End): number {
  return a.step + (a.slope / (a.slope - b.slope)) * (b.step - a.step)
}

/** Minimiser of the cubic through values and slopes of both ends. */
function cubicMinimum(a: End, b: End): number {
  const theta = (3 * (a.value - b.value)) / (b.step - a.step) + a.slope + b.slope
  const scale = Math.max(Math.abs(theta), Math.abs(a.slope), Math.abs(b.slope))
  if (scale === 0) return a.step
  const root = scale * Math.sqrt(Math.max(0, (theta / scale) ** 2 - (a.slope / scale) * (b.slope / scale)))
  const gamma = b.step < a.step ? -root : root
  return a.step + ((gamma - a.slope + theta) / (gamma - a.slope + gamma + b.slope)) * (b.step - a.step)
}

interface FallingSlope {
  readonly low: number
  readonly high: number
  /** The far end of the interval; undefined while no interval holds a minimiser. */
  readonly other: End | undefined
}

/** Case 3 of dcstep: the slope falls without changing sign, so the cubic may have no minimum beyond the trial step. */
function stepWhereSlopeFalls(best: End, trial: End, { low, high, other }: FallingSlope): number {
  const cubic = cubicBeyond(best, trial, { low, high })
  const secant = secantMinimum(trial, best)
  const cubicIsNearer = Math.abs(cubic - trial.step) < Math.abs(secant - trial.step)
  if (!other) return Math.max(low, Math.min(high, cubicIsNearer ? secant : cubic))
  const nearer = cubicIsNearer ? cubic : secant
  const bound = trial.step + 0.66 * (other.step - trial.step)
  return trial.step > best.step ? Math.min(bound, nearer) : Math.max(bound, nearer)
}

function cubicBeyond(best: End, trial: End, { low, high }: Pick<Bounds, 'low' | 'high'>): number {
  const theta = (3 * (best.value - trial.value)) / (trial.step - best.step) + best.slope + trial.slope
  const scale = Math.max(Math.abs(theta), Math.abs(best.slope), Math.abs(trial.slope))
  const root = scale * Math.sqrt(Math.max(0, (theta / scale) ** 2 - (best.slope / scale) * (trial.slope / scale)))
  const gamma = trial.step > best.step ? -root : root
  const ratio = (gamma - trial.slope + theta) / (gamma + (best.slope - trial.slope) + gamma)
  if (ratio < 0 && gamma !== 0) return trial.step + ratio * (best.step - trial.step)
  return trial.step > best.step ? high : low
}
