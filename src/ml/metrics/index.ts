// What the rest of the code may know of metrics.
export { bootstrapIntervals, type Difference, pairedDifference } from './bootstrap.ts'
export { chartsOf } from './charts.ts'
export { evaluateClassification } from './classification.ts'
export { rankingAreas } from './ranking.ts'
export { evaluateRegression } from './regression.ts'
export { findMetric, greaterIsBetter } from './table.ts'
export { type Weighed, weighClassification, weighRegression } from './weigh.ts'
