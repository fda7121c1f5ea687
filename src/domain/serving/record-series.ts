// What is counted of every prediction of a version, found once a version and not once a prediction.
import type { Metrics } from '../../core/metrics.ts'
import type { VersionRecord } from './served-version.ts'

interface RecordSeries {
  readonly metrics: Metrics
  readonly requests: ReturnType<Metrics['inferenceRequests']['of']>
  readonly seconds: ReturnType<Metrics['inferenceDuration']['of']>
  readonly batchRows: ReturnType<Metrics['predictionBatchSize']['of']>
}

const known = new WeakMap<VersionRecord, RecordSeries>()

export function seriesOf(metrics: Metrics, record: VersionRecord): RecordSeries {
  const found = known.get(record)
  if (found?.metrics === metrics) return found
  const labels = labelsOf(record)
  const series = {
    metrics,
    requests: metrics.inferenceRequests.of(labels),
    seconds: metrics.inferenceDuration.of(labels),
    batchRows: metrics.predictionBatchSize.of(labels),
  }
  known.set(record, series)
  return series
}

export function labelsOf({ tenantId, modelName, version }: VersionRecord) {
  return { tenant: tenantId, model: modelName, version }
}
