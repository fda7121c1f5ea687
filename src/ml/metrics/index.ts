// What the rest of the code may know of metrics.
export { evaluateClassification } from './classification.ts'
export { evaluateRegression } from './regression.ts'
export { findMetric, greaterIsBetter } from './table.ts'
