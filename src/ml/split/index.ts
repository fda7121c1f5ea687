// Which rows are learned from and which are held out. The same rows, fraction and seed always give the same split; the
// rows of each part come in rising order.
export { groupSplit, kFolds, randomSplit, type Split, type SplitOptions, stratifiedSplit, timeSplit } from './split.ts'
