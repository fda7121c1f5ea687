// Whether the live version has learned rows that a new one is judged on. It cannot be seen in the figures, and it keeps good
// versions from going live: what was learned by heart is hard to beat.
import type { EvaluationSplit } from '../../contract/evaluation.ts'

/** What a version was trained on, as far as it is known; an imported one says neither. */
export interface LearnedFrom {
  readonly dataset_id: string | null
  readonly split: EvaluationSplit | undefined
}

export interface Judged {
  readonly dataset_id: string
  readonly split: EvaluationSplit
}

/** A warning where the live version learned from other rows of the same dataset than the new one. */
export function familiarWarnings(live: LearnedFrom & { readonly version: string }, judged: Judged): string[] {
  const { split } = live
  if (!split || live.dataset_id !== judged.dataset_id || keepsApart(split, judged.split)) return []
  const { seed, test_fraction } = split
  return [
    `Version ${live.version}, which is live, has learned from other rows of this dataset, so it knows rows that are held out here and its figure is better than it is: hold out the same rows as it did (evaluation.seed ${seed}, evaluation.test_fraction ${test_fraction}, the same time_column and group_column), or train on a new dataset`,
  ]
}

/** The rows held out now were all held out then. */
function keepsApart(then: EvaluationSplit, now: EvaluationSplit): boolean {
  if (then.method !== now.method || then.dropped_rows !== now.dropped_rows) return false
  if (then.time_column !== now.time_column || then.group_column !== now.group_column) return false
  if (now.method === 'time') return now.test_fraction <= then.test_fraction
  return then.seed === now.seed && then.test_fraction === now.test_fraction
}
