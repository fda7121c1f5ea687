// Every metric by name: what it measures and which way is up.

export interface Metric {
  readonly task: 'classification' | 'regression'
  readonly greaterIsBetter: boolean
  readonly title: string
}

const classification = (title: string, greaterIsBetter: boolean): Metric => ({
  task: 'classification',
  greaterIsBetter,
  title,
})
const regression = (title: string, greaterIsBetter: boolean): Metric => ({ task: 'regression', greaterIsBetter, title })
const UP = true
const DOWN = false

export const METRICS = {
  accuracy: classification('share of rows predicted right', UP),
  precision: classification('precision of the positive class; macro mean for more than two classes', UP),
  recall: classification('recall of the positive class; macro mean for more than two classes', UP),
  f1: classification('F1 of the positive class; macro mean for more than two classes', UP),
  precision_macro: classification('mean precision of the classes', UP),
  recall_macro: classification('mean recall of the classes', UP),
  f1_macro: classification('mean F1 of the classes', UP),
  precision_weighted: classification('precision of the classes, weighted by their rows', UP),
  recall_weighted: classification('recall of the classes, weighted by their rows', UP),
  f1_weighted: classification('F1 of the classes, weighted by their rows', UP),
  roc_auc: classification('area under the ROC curve; mean of one-against-rest for more than two classes', UP),
  pr_auc: classification('average precision; mean of one-against-rest for more than two classes', UP),
  log_loss: classification('mean negative log-probability of the true class', DOWN),
  brier: classification('mean squared error of the probability of the positive class; summed over the classes for more than two', DOWN),
  rmse: regression('root of the mean squared error', DOWN),
  mae: regression('mean absolute error', DOWN),
  r2: regression('share of the variance explained', UP),
} as const satisfies Record<string, Metric>

export type MetricName = keyof typeof METRICS

export function findMetric(name: string): Metric | undefined {
  return Object.hasOwn(METRICS, name) ? METRICS[name as MetricName] : undefined
}

/** Also for the mean of a metric over folds (`cv_f1_mean`); undefined for figures that are no metric. */
export function greaterIsBetter(name: string): boolean | undefined {
  return findMetric(name.replace(/^cv_(.*)_mean$/, '$1'))?.greaterIsBetter
}
