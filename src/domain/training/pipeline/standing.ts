// A candidate, and what came of it in each race.
import type { Trial } from '../../../contract/evaluation.ts'
import type { Candidate } from './spec.ts'

export interface Standing {
  readonly candidate: Candidate
  /** One a race. */
  readonly tried: Trial[]
}
