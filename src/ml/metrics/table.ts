// The metrics a version can be judged by. `precision`, `recall` and `f1` are those of the second class when there are two
// classes and the mean over the classes otherwise, so that a default exists for every classification.

export type MetricTask = 'classification' | 'regression'

export interface Metric {
  readonly title: string
  readonly task: MetricTask
  readonly greaterIsBetter: boolean
}

const quality = (title: string): Metric => ({ title, task: 'classification', greaterIsBetter: true })
const loss = (title: string): Metric => ({ title, task: 'classification', greaterIsBetter: false })

export const METRICS = Object.freeze({
  accuracy: quality('Accuracy'),
  precision: quality('Precision'),
  recall: quality('Recall'),
  f1: quality('F1'),
  precision_macro: quality('Precision, mean over the classes'),
  recall_macro: quality('Recall, mean over the classes'),
  f1_macro: quality('F1, mean over the classes'),
  precision_weighted: quality('Precision, mean over the rows'),
  recall_weighted: quality('Recall, mean over the rows'),
  f1_weighted: quality('F1, mean over the rows'),
  roc_auc: quality('Area under the ROC curve'),
  pr_auc: quality('Average precision'),
  log_loss: loss('Log loss'),
  brier: loss('Brier score'),
  rmse: { title: 'Root mean squared error', task: 'regression', greaterIsBetter: false },
  mae: { title: 'Mean absolute error', task: 'regression', greaterIsBetter: false },
  mape: { title: 'Mean absolute percentage error, as a share', task: 'regression', greaterIsBetter: false },
  r2: { title: 'R²', task: 'regression', greaterIsBetter: true },
} as const satisfies Record<string, Metric>)

export type MetricName = keyof typeof METRICS

export function findMetric(name: string): Metric | undefined {
  return Object.hasOwn(METRICS, name) ? METRICS[name as MetricName] : undefined
}

/** Undefined for a name that is no metric. The mean over folds (`cv_f1_mean`) is as good as what it is the mean of. */
export function greaterIsBetter(name: string): boolean | undefined {
  return findMetric(name.replace(/^cv_(.*)_mean$/, '$1'))?.greaterIsBetter
}

export function defaultMetric(task: MetricTask): MetricName {
  return task === 'classification' ? 'f1' : 'rmse'
}
