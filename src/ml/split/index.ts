// What the rest of the code may know of splitting.
export { type Folds, foldsShuffled, foldsStratified } from './folds.ts'
export {
  type HoldOut,
  type StratifiedHoldOut,
  splitByTime,
  splitGrouped,
  splitShuffled,
  splitStratified,
} from './hold-out.ts'
export type { Split } from './parts.ts'
