// What the rest of the code may know of splitting.
export { foldsByTime, foldsGrouped, foldsShuffled, foldsStratified } from './folds.ts'
export { splitByTime, splitGrouped, splitShuffled, splitStratified } from './hold-out.ts'
export type { Split } from './parts.ts'
