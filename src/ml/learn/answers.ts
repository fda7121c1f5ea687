// Which class a classifier answers. The most probable one is right most often, but where a class is rare it is hardly ever
// answered, and F1 suffers: a rare class is therefore answered before it is the most probable one. Only labels follow this,
// probabilities stay what they are. Scores are corrected by half of the log-shares (logit adjustment, Menon et al. 2021).
import { Type } from 'typebox'
import type { ClassTarget, Learner } from './learner.ts'
import { classTotals, rowWeights } from './row-weights.ts'

export type Labels = 'balanced' | 'probable'

/** The setting, as algorithms have it; `usual` is what each does where it is not said. */
export const Labels = (usual: Labels) =>
  Type.Unsafe<Labels>({
    type: 'string',
    enum: ['balanced', 'probable'],
    default: usual,
    description:
      'Which class is answered: "probable" the most probable one; "balanced" prefers classes with less than half of the rows of the largest, by the square root of how many times rarer they are (3 at most), which finds more of them (better F1) and is right a little less often. Probabilities are the same. Classification only.',
  })

/** A class with at least this share of the rows of the largest is not rare. */
const USUAL_SHARE = 1 / 2
/** Probabilities of very rare classes are too uncertain to count more than this. */
const MOST = 3

/** What the probability of each class counts in the answer; undefined where all count the same. */
export function preferences(
  target: ClassTarget,
  { hyperparameters = {}, sampleWeights }: Pick<Parameters<Learner>[0], 'hyperparameters' | 'sampleWeights'>,
  usual: Labels = 'balanced',
): Float64Array | undefined {
  if ((hyperparameters.labels ?? usual) === 'probable') return undefined
  const { weights } = rowWeights(target, sampleWeights, weighsClasses(hyperparameters) ? 'balanced' : 'none')
  const totals = classTotals(target.labels, target.classes.length, weights)
  const largest = Math.max(...totals)
  const counts = totals.map((total) =>
    total > 0 && total < USUAL_SHARE * largest * (1 - ROUNDING) ? Math.min(MOST, Math.sqrt(largest / total)) : 1,
  )
  return counts.some((count) => count !== 1) ? counts : undefined
}

/** Weighted classes are probable by their weight, unless the probabilities were set right afterwards; in a blend, if they are in all of it. */
function weighsClasses({ class_weight, calibration, members }: Readonly<Record<string, unknown>>): boolean {
  if (Array.isArray(members) && members.length > 0) {
    return members.every(({ hyperparameters = {} }) => weighsClasses(hyperparameters))
  }
  return class_weight === 'balanced' && (calibration === undefined || calibration === 'none')
}

/** Sums of weights that should be equal hardly are. */
const ROUNDING = 1e-9

/** The learner, its models answering as the hyperparameter `labels` says, or else as is `usual` of them. */
export function answering(learner: Learner, usual: Labels): Learner {
  return async (input) => {
    if (input.target.task === 'regression') return learner(input)
    const preferred = preferences(input.target, input, usual)
    if (!preferred) return learner(input)
    const model = await learner({ ...input, target: { ...input.target, preferred } })
    return { ...model, preferred }
  }
}

/** The class that is answered for each row of probabilities; the first of equals. */
export function answersOf(
  probabilities: ArrayLike<number>,
  classes: number,
  preferred: ArrayLike<number> | undefined,
): Int32Array {
  const labels = new Int32Array(probabilities.length / classes)
  const value = (at: number, k: number) => (preferred ? probabilities[at + k]! * preferred[k]! : probabilities[at + k]!)
  for (let row = 0; row < labels.length; row++) {
    const offset = row * classes
    let best = 0
    for (let k = 1; k < classes; k++) if (value(offset, k) > value(offset, best)) best = k
    labels[row] = best
  }
  return labels
}
