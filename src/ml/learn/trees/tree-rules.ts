// From hyperparameters to the rules a tree is grown by.
import type { FeatureInfo } from '../../features.ts'
import type { FitInput } from '../learner.ts'
import type { GrowRules } from './grow.ts'
import type { BoostingSettings } from './settings.ts'

type Shared = Pick<
  BoostingSettings,
  | 'max_leaves'
  | 'max_depth'
  | 'grow_policy'
  | 'min_sum_hessian_in_leaf'
  | 'min_gain_to_split'
  | 'lambda_l1'
  | 'lambda_l2'
  | 'cat_smooth'
  | 'cat_l2'
  | 'max_cat_threshold'
  | 'max_cat_to_onehot'
  | 'min_data_per_group'
>

export interface TableSize {
  readonly minRows: number
  readonly rows: number
}

export function growRules(settings: Shared, { minRows, rows }: TableSize): GrowRules {
  return {
    maxLeaves: settings.max_leaves,
    maxDepth: settings.max_depth === 0 ? Number.POSITIVE_INFINITY : settings.max_depth,
    policy: settings.grow_policy,
    minRows,
    minHessian: settings.min_sum_hessian_in_leaf,
    minGain: settings.min_gain_to_split,
    l1: settings.lambda_l1,
    l2: settings.lambda_l2,
    catSmooth: settings.cat_smooth,
    catL2: settings.cat_l2,
    maxCategories: settings.max_cat_threshold,
    maxOneHot: settings.max_cat_to_onehot,
    minGroupRows: Math.min(settings.min_data_per_group, Math.max(1, Math.floor(rows / GROUP_SHARE))),
  }
}

const USUAL_LEAST_ROWS = 20
/** In a small table an eighth of the rows is as much as a leaf can ask for, */
const LEAST_SHARE = 8
/** and a twentieth as much as a group of categories can. */
const GROUP_SHARE = 20

/** Rows a leaf must have: what was asked for, or for 0 the usual number or what the table can afford. */
export function leastRows(asked: number, rows: number): number {
  if (asked > 0) return asked
  return Math.max(1, Math.min(USUAL_LEAST_ROWS, Math.floor(rows / LEAST_SHARE)))
}

/** What the columns are; numbers where nothing is said. */
export function featuresOf({ matrix, features }: FitInput): readonly FeatureInfo[] {
  if (features) return features
  return Array.from({ length: matrix.cols }, (_, i) => {
    const name = `feature ${i}`
    return { name, column: name, kind: 'number' }
  })
}

/** Rows that count, ascending. */
export function weightedRows(rows: number, weights: Float64Array | undefined): Uint32Array {
  const found = new Uint32Array(rows)
  let count = 0
  for (let row = 0; row < rows; row++) if (!weights || weights[row]! > 0) found[count++] = row
  return found.slice(0, count)
}
