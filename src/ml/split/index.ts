// What the rest of the code may know of splitting.
export { foldsShuffled, foldsStratified } from './folds.ts'
export { splitByTime, splitShuffled, splitStratified } from './hold-out.ts'
export type { Split } from './parts.ts'
