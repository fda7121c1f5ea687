// The reply shapes of a prediction, each a thin reading of `predictRows`.
import type { Input } from '../../contract/operations/index.ts'
import type { BatchPrediction, InferenceResponse, Prediction, SimplePrediction } from '../../contract/predictions.ts'
import { fail, invalid } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import type { RegisteredModel } from './custom.ts'
import { predictCustomRows } from './custom-rows.ts'
import { findDefault, findServed } from './find-version.ts'
import { type Answer, simpleProbability } from './output.ts'
import { type Predicted, predictRows, type Rows } from './predict-rows.ts'
import type { ServedVersion } from './served-version.ts'
import type { ServingCtx } from './serving.ts'

const INPUT_DATA = () => 'input_data'

export async function predict(ctx: ServingCtx, input: Input<'models.predict'>): Promise<Prediction> {
  if (input.explain) {
    throw fail('invalid', 'EXPLANATION_UNAVAILABLE', 'explain: this version of the model carries no explanations', {
      details: { errors: [{ field: 'explain', message: 'must be false or absent', value: true }] },
    })
  }
  const custom = ctx.serving.custom.find(input.model_id)
  if (custom) return custom.predict(ctx, input.input_data, 'input_data')
  const served = await findServed(ctx, { model: input.model_id, ...input })
  const { answer, record, elapsedMs } = await predictOne(ctx, served, { rows: [input.input_data], place: INPUT_DATA })
  const id = newId('pred')
  ctx.serving.log.add({
    id,
    tenant_id: record.tenantId,
    model_id: record.modelId,
    version: record.version,
    environment: input.environment ?? (input.version === undefined ? 'production' : null),
    input: input.input_data,
    output: answer,
    latency_ms: elapsedMs,
    request_id: ctx.caller.requestId,
  })
  return {
    ...answer,
    model_id: record.modelId,
    version: record.version,
    prediction_id: id,
    latency_ms: round(elapsedMs),
  }
}

export async function predictBatch(ctx: ServingCtx, input: Input<'models.predict_batch'>): Promise<BatchPrediction> {
  const { answers, errors, version, elapsedMs } = await predictMany(ctx, input, {
    rows: input.input_data,
    place: (index) => `input_data.${index}`,
  })
  return {
    predictions: answers.map((answer, index) =>
      answer ? batchItem(answer) : { prediction: null, error: sentence(errors.get(index)) },
    ),
    count: answers.length,
    version,
    inference_time_ms: round(elapsedMs),
  }
}

function batchItem({ prediction, confidence, probabilities }: Answer): BatchPrediction['predictions'][number] {
  return { prediction, ...(confidence !== undefined && { confidence }), ...(probabilities && { probabilities }) }
}

interface Many extends Omit<Predicted, 'record'>, Partial<Pick<Predicted, 'record'>> {
  readonly modelId: string
  readonly version: string
}

/** Rows for a model of the registry or one written in code. */
async function predictMany(
  ctx: ServingCtx,
  { model_id, version, environment }: { model_id: string; version?: string; environment?: string },
  rows: Rows,
): Promise<Many> {
  const custom = ctx.serving.custom.find(model_id)
  if (custom) return { ...(await predictCustomRows(ctx, custom, rows)), modelId: custom.name, version: custom.version }
  const predicted = await predictRows(ctx, await findServed(ctx, { model: model_id, version, environment }), rows)
  return { ...predicted, modelId: predicted.record.modelId, version: predicted.record.version }
}

export async function inference(ctx: ServingCtx, input: Input<'inference'>): Promise<InferenceResponse> {
  const several = Array.isArray(input.features)
  const rows: readonly unknown[] = several ? (input.features as unknown[]) : [input.features]
  const place = (index: number) => (several ? `features.${index}` : 'features')
  const predicted = await predictMany(ctx, input, { rows, place })
  refuseErrors(ctx, predicted)
  return {
    model_id: predicted.modelId,
    version: predicted.version,
    results: predicted.answers.map((answer) => {
      const { prediction, confidence } = answer!
      return { prediction, ...(confidence !== undefined && { probability: confidence }) }
    }),
    inference_time_ms: round(predicted.elapsedMs),
  }
}

export async function predictDefault(ctx: ServingCtx, input: Input<'predict_default'>): Promise<SimplePrediction> {
  const { defaultModel } = ctx.settings
  const custom = defaultModel === undefined ? undefined : ctx.serving.custom.find(defaultModel)
  if (custom) return simpleCustom(ctx, custom, { rows: [input.body], place: () => '' })
  return simple(ctx, await findDefault(ctx), { rows: [input.body], place: () => '' })
}

export async function predictModel(ctx: ServingCtx, input: Input<'predict_model'>): Promise<SimplePrediction> {
  const custom = ctx.serving.custom.find(input.model_id)
  if (custom) return simpleCustom(ctx, custom, { rows: [input.input_data], place: INPUT_DATA })
  const served = await findServed(ctx, { model: input.model_id })
  return simple(ctx, served, { rows: [input.input_data], place: INPUT_DATA })
}

async function simple(ctx: ServingCtx, served: ServedVersion, given: Rows): Promise<SimplePrediction> {
  const { answer, record } = await predictOne(ctx, served, given)
  const probability = simpleProbability(record.signature, answer)
  return { prediction: answer.prediction, ...(probability !== undefined && { probability }) }
}

async function simpleCustom(ctx: ServingCtx, model: RegisteredModel, { rows, place }: Rows): Promise<SimplePrediction> {
  const { prediction, confidence } = await model.predict(ctx, rows[0], place(0))
  return { prediction, ...(confidence !== undefined && { probability: confidence }) }
}

async function predictOne(
  ctx: ServingCtx,
  served: ServedVersion,
  given: Rows,
): Promise<Predicted & { answer: Answer }> {
  const predicted = await predictRows(ctx, served, given)
  refuseErrors(ctx, predicted)
  return { ...predicted, answer: predicted.answers[0]! }
}

/** `record` is none for a model written in code, which counts its refusals itself. */
function refuseErrors(ctx: ServingCtx, { errors, record }: Pick<Predicted, 'errors'> & Partial<Predicted>): void {
  if (errors.size === 0) return
  const refusal = invalid('input', [...errors.values()].flat())
  if (record) {
    const labels = { tenant: record.tenantId, model: record.modelName, version: record.version }
    ctx.metrics.inferenceErrors.inc({ ...labels, code: refusal.code })
  }
  throw refusal
}

function sentence(errors: readonly { field: string; message: string }[] = []): string {
  return errors.map(({ field, message }) => `${field.replace(/^input_data\.\d+\.?/, '')} ${message}`.trim()).join('; ')
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000
}
