// A prediction's way through the engine as two spans: waiting for a worker, and the batch it ran in. The engine measures both and
// knows nothing of traces.
import type { Span } from '../../core/trace.ts'
import type { LoadedModel, PooledResult, Row, RunOptions, Tensors } from '../../runtime/index.ts'
import type { VersionRecord } from './served-version.ts'
import type { ServingCtx } from './serving.ts'

export interface Run {
  readonly model: LoadedModel
  readonly feeds: Tensors | Row
  readonly options: RunOptions
}

/** Runs the model; where nobody sees the span, that is all. */
export function tracedRun(ctx: ServingCtx, run: Run): Promise<PooledResult> {
  return ctx.span.recording ? runSeen(ctx, run) : run.model.run(run.feeds, run.options)
}

async function runSeen({ span, clock }: ServingCtx, { model, feeds, options }: Run): Promise<PooledResult> {
  const askedMs = clock.elapsedMs()
  const result = await model.run(feeds, options)
  tellOf(span, { result, askedMs, endedMs: clock.elapsedMs() })
  return result
}

interface Measured {
  readonly result: PooledResult
  readonly askedMs: number
  readonly endedMs: number
}

function tellOf(span: Span, { result, askedMs, endedMs }: Measured): void {
  const { queueMs, runMs, batchRows, leads } = result
  const begunMs = Math.min(askedMs + queueMs, endedMs)
  span.child('queue', { startedMs: askedMs }).end(begunMs)
  const attributes = {
    'modelyard.batch.rows': batchRows,
    // One of those that ran together: by it their batches can be counted.
    'modelyard.batch.leads': leads,
    'modelyard.run.engine_ms': runMs,
  }
  span.child('run', { startedMs: begunMs, attributes }).end(endedMs)
}

export function predictionSpan({ modelName, modelId, version }: VersionRecord) {
  const attributes = {
    'modelyard.model': modelName,
    'modelyard.model_id': modelId,
    'modelyard.version': version,
  }
  return { name: 'predict', attributes } as const
}
