// What the rest of the code may know of metrics.
export {
  type ClassificationDetails,
  type ClassificationInput,
  type ClassificationQuality,
  type ClassReport,
  evaluateClassification,
} from './classification.ts'
export type { Confusion } from './confusion.ts'
export {
  evaluateRegression,
  type RegressionDetails,
  type RegressionInput,
  type RegressionQuality,
} from './regression.ts'
export {
  defaultMetric,
  findMetric,
  greaterIsBetter,
  METRICS,
  type Metric,
  type MetricName,
  type MetricTask,
} from './table.ts'
