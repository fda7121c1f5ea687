// The algorithms a run may use: those of this package, or what a test puts in their place.
import { fail } from '../../../core/failure.ts'
import type { EncodingPlan } from '../../../ml/encode/index.ts'
import { ALGORITHMS, type Algorithm, type Learner } from '../../../ml/learn/index.ts'
import type { Candidate } from './spec.ts'

/** As much of an algorithm as a run needs. */
export interface Taught {
  readonly fit: Learner
  readonly encoding?: Algorithm['encoding']
}

export type Learners = Readonly<Record<string, Taught>>

/** @throws `invalid` ALGORITHM_UNKNOWN. */
export function taught(name: string, learners: Learners = ALGORITHMS): Taught {
  const found = Object.hasOwn(learners, name) ? learners[name] : undefined
  if (!found) throw fail('invalid', 'ALGORITHM_UNKNOWN', `There is no algorithm "${name}"`)
  return found
}

/** How the columns are to be encoded for a candidate. */
export function encodingOf(
  { algorithm, hyperparameters }: Candidate,
  { learners, task }: { readonly learners: Learners | undefined; readonly task: 'classification' | 'regression' },
): EncodingPlan {
  const { encoding = {} } = taught(algorithm, learners)
  return typeof encoding === 'function' ? encoding(hyperparameters, task) : encoding
}
