// Figures of merit: which there are, and how a model's answers on held-out rows are measured.
export { type ClassificationEvaluation, evaluateClassification } from './classification.ts'
export { findMetric, greaterIsBetter, METRICS, type Metric, type MetricName } from './names.ts'
export { averagePrecision, rocAuc } from './ranking.ts'
export { evaluateRegression, type RegressionEvaluation } from './regression.ts'
