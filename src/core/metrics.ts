// Every metric of the service in one place, with its labels. The only file that knows prom-client.
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from 'prom-client'
import { Counters, Histograms } from './series.ts'

const DURATION_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const TRAINING_BUCKETS = [1, 5, 15, 60, 300, 900, 3600, 14400]
const BATCH_SIZE_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 1024, 4096, 10000]

/** Series are kept for ever, and without authentication a tenant is whatever a caller says. */
const MOST_TENANTS = 1000

export type Metrics = ReturnType<typeof createMetrics>

/** A registry of its own per service, so that several services in one process do not share counts. */
export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const ours = <M>(metric: M): M => {
    registry.registerMetric(metric as unknown as Metric)
    return metric
  }
  const model = ['tenant', 'model', 'version'] as const
  return {
    registry,
    tenantLabel: labelOfFirst(MOST_TENANTS),
    http: ours(
      new Histograms({
        name: 'ml_http_request_duration_seconds',
        help: 'Time to answer an HTTP request.',
        labelNames: ['operation', 'status'] as const,
        buckets: DURATION_BUCKETS,
      }),
    ),
    httpRefused: new Counter({
      name: 'ml_http_refused_total',
      help: 'Requests refused unread because the event loop was full; they are in no other figure.',
      registers,
    }),
    inferenceRequests: ours(
      new Counters({ name: 'ml_inference_requests_total', help: 'Prediction requests.', labelNames: model }),
    ),
    inferenceDuration: ours(
      new Histograms({
        name: 'ml_inference_duration_seconds',
        help: 'Time from request to answer inside the service.',
        labelNames: model,
        buckets: DURATION_BUCKETS,
      }),
    ),
    inferenceErrors: new Counter({
      name: 'ml_inference_errors_total',
      help: 'Prediction requests that failed, by error code.',
      labelNames: [...model, 'code'] as const,
      registers,
    }),
    predictionBatchSize: ours(
      new Histograms({
        name: 'ml_prediction_batch_size',
        help: 'Rows run together: those of one request, or of several that waited for the same worker.',
        labelNames: model,
        buckets: BATCH_SIZE_BUCKETS,
      }),
    ),
    modelLoadTime: new Histogram({
      name: 'ml_model_load_time_seconds',
      help: 'Time to fetch, load and warm a model.',
      labelNames: ['tenant', 'model'] as const,
      buckets: DURATION_BUCKETS,
      registers,
    }),
    modelMemory: new Gauge({
      name: 'ml_model_memory_bytes',
      help: 'Size of the loaded model files.',
      labelNames: model,
      registers,
    }),
    modelEvictions: new Counter({
      name: 'ml_model_evictions_total',
      help: 'Models let go to make room for others; loaded again when asked for.',
      registers,
    }),
    sourceRequests: new Counter({
      name: 'ml_feature_source_requests_total',
      help: 'Requests to the source of features: answered, failed, refused because it failed too often; unfit: values of another type than declared.',
      labelNames: ['entity_type', 'outcome'] as const,
      registers,
    }),
    cacheHits: new Counter({
      name: 'ml_cache_hits_total',
      help: 'Predictions answered from the cache: of this process, or shared.',
      labelNames: ['cache'] as const,
      registers,
    }),
    cacheMisses: new Counter({
      name: 'ml_cache_misses_total',
      help: 'Look-ups the cache could not answer.',
      labelNames: ['cache'] as const,
      registers,
    }),
    trainingJobs: new Counter({
      name: 'ml_training_jobs_total',
      help: 'Training jobs that ended, by how.',
      labelNames: ['status'] as const,
      registers,
    }),
    trainingDuration: new Histogram({
      name: 'ml_training_duration_seconds',
      help: 'Time a training job ran.',
      labelNames: ['algorithm'] as const,
      buckets: TRAINING_BUCKETS,
      registers,
    }),
    batchJobs: new Counter({
      name: 'ml_batch_jobs_total',
      help: 'Batch jobs that ended, by how.',
      labelNames: ['status'] as const,
      registers,
    }),
    batchRows: new Counter({
      name: 'ml_batch_rows_total',
      help: 'Rows of batch jobs that are done, by whether they have a prediction.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    batchChunkDuration: new Histogram({
      name: 'ml_batch_chunk_duration_seconds',
      help: 'Time to predict one chunk of a batch job.',
      buckets: DURATION_BUCKETS,
      registers,
    }),
    batchChunkErrors: new Counter({
      name: 'ml_batch_chunk_errors_total',
      help: 'Chunks of batch jobs that have to be done again, by error code.',
      labelNames: ['code'] as const,
      registers,
    }),
    queueDepth: new Gauge({ name: 'ml_queue_depth', help: 'Jobs waiting.', labelNames: ['queue'] as const, registers }),
    queueActive: new Gauge({
      name: 'ml_queue_active',
      help: 'Jobs being worked on.',
      labelNames: ['queue'] as const,
      registers,
    }),
    queueAge: new Gauge({
      name: 'ml_queue_oldest_seconds',
      help: 'Age of the oldest waiting job.',
      labelNames: ['queue'] as const,
      registers,
    }),
    predictionLogDropped: new Counter({
      name: 'ml_prediction_log_dropped_total',
      help: 'Predictions that were answered but could not be logged.',
      registers,
    }),
    scheduleRuns: new Counter({
      name: 'ml_schedule_runs_total',
      help: 'Runs of schedules that came to an end: started, skipped or failed.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    webhookDeliveries: new Counter({
      name: 'ml_webhook_deliveries_total',
      help: 'Attempts to send an event to a webhook, by outcome; dead: given up.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    eventsPublished: new Counter({ name: 'ml_events_published_total', help: 'Events handed to the bus.', registers }),
  }
}

/** The label of models that answer every tenant: its name for the first so many, `(others)` for the rest. */
function labelOfFirst(most: number): (tenant: string) => string {
  const known = new Set<string>()
  return (tenant) => {
    if (known.has(tenant)) return tenant
    if (known.size >= most) return '(others)'
    known.add(tenant)
    return tenant
  }
}
