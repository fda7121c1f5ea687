// The reply shapes of a prediction, each a thin reading of `predictRows`.
import type { Explanation } from '../../contract/explanations.ts'
import type { Input } from '../../contract/operations/index.ts'
import type { BatchPrediction, InferenceResponse, Prediction, SimplePrediction } from '../../contract/predictions.ts'
import { invalid } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import type { RegisteredModel } from './custom.ts'
import { predictCustomRows } from './custom-rows.ts'
import { explainCustom, explainCustomRows } from './explain/explain-custom.ts'
import { explainRows, refuseMany } from './explain/explain-rows.ts'
import { findDefault, findServed } from './find-version.ts'
import { type Answer, simpleProbability } from './output.ts'
import { type Predicted, predictRows, type Rows } from './predict-rows.ts'
import type { Served } from './served-version.ts'
import type { ServingCtx } from './serving.ts'

const INPUT_DATA = () => 'input_data'

export async function predict(ctx: ServingCtx, input: Input<'models.predict'>): Promise<Prediction> {
  const custom = ctx.serving.custom.find(input.model_id)
  if (custom) {
    const answer = await custom.predict(ctx, input.input_data, 'input_data')
    return input.explain ? { ...answer, explanation: await explainCustom(ctx, custom, input.input_data) } : answer
  }
  const served = await findServed(ctx, { model: input.model_id, ...input, row: input.input_data })
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
    rollout_id: served.arm?.rolloutId ?? null,
    arm: served.arm?.name ?? null,
  })
  const [explanation] = input.explain
    ? await explainRows(ctx, served, { rows: [input.input_data], answers: [answer] })
    : []
  return {
    ...answer,
    ...(explanation && { explanation }),
    model_id: record.modelId,
    version: record.version,
    prediction_id: id,
    latency_ms: round(elapsedMs),
  }
}

export async function predictBatch(ctx: ServingCtx, input: Input<'models.predict_batch'>): Promise<BatchPrediction> {
  const { answers, errors, version, elapsedMs, explanations } = await predictMany(ctx, input, {
    rows: input.input_data,
    place: (index) => `input_data.${index}`,
  })
  return {
    predictions: answers.map((answer, index) =>
      answer ? batchItem(answer, explanations?.[index]) : { prediction: null, error: sentence(errors.get(index)) },
    ),
    count: answers.length,
    version,
    inference_time_ms: round(elapsedMs),
  }
}

function batchItem(
  { prediction, confidence, probabilities, fallback }: Answer,
  explanation: Explanation | undefined,
): BatchPrediction['predictions'][number] {
  return {
    prediction,
    ...(confidence !== undefined && { confidence }),
    ...(probabilities && { probabilities }),
    ...(explanation && { explanation }),
    ...(fallback && { fallback }),
  }
}

interface Many extends Omit<Predicted, 'record'>, Partial<Pick<Predicted, 'record'>> {
  readonly modelId: string
  readonly version: string
  /** By index of the row given; absent when not asked for. */
  readonly explanations?: readonly (Explanation | undefined)[]
}

interface Wish {
  readonly model_id: string
  readonly version?: string | undefined
  readonly environment?: string
  readonly explain?: boolean
}

/** Rows for a model of the registry or one written in code. */
async function predictMany(
  ctx: ServingCtx,
  { model_id, version, environment, explain }: Wish,
  rows: Rows,
): Promise<Many> {
  if (explain) refuseMany(rows.rows.length, rows.place(0).split('.')[0]!)
  const custom = ctx.serving.custom.find(model_id)
  if (custom) {
    const predicted = await predictCustomRows(ctx, custom, rows)
    const many = { ...predicted, modelId: custom.name, version: custom.version }
    if (!explain) return many
    const { answers } = predicted
    return { ...many, explanations: await explainCustomRows(ctx, custom, { rows: rows.rows, answers }) }
  }
  const served = await findServed(ctx, { model: model_id, version, environment, row: rows.rows[0] })
  const predicted = await predictRows(ctx, served, rows)
  const many = { ...predicted, modelId: predicted.record.modelId, version: predicted.record.version }
  if (!explain) return many
  return { ...many, explanations: await explainRows(ctx, served, { rows: rows.rows, answers: predicted.answers }) }
}

export async function inference(ctx: ServingCtx, input: Input<'inference'>): Promise<InferenceResponse> {
  const several = Array.isArray(input.features)
  const rows: readonly unknown[] = several ? (input.features as unknown[]) : [input.features]
  const place = (index: number) => (several ? `features.${index}` : 'features')
  const predicted = await predictMany(ctx, { ...input, version: input.version ?? undefined }, { rows, place })
  refuseErrors(ctx, predicted)
  return {
    model_id: predicted.modelId,
    version: predicted.version,
    results: predicted.answers.map((answer, index) => {
      const { prediction, confidence, fallback } = answer!
      const explanation = predicted.explanations?.[index]
      return {
        prediction,
        ...(confidence !== undefined && { probability: confidence }),
        ...(explanation && { explanation: byColumn(explanation) }),
        ...(fallback && { fallback }),
      }
    }),
    inference_time_ms: round(predicted.elapsedMs),
  }
}

function byColumn({ contributions }: Explanation): Record<string, number> {
  return Object.fromEntries(contributions.map(({ column, contribution }) => [column, contribution]))
}

export async function predictDefault(ctx: ServingCtx, input: Input<'predict_default'>): Promise<SimplePrediction> {
  const { defaultModel } = ctx.settings
  const custom = defaultModel === undefined ? undefined : ctx.serving.custom.find(defaultModel)
  if (custom) return simpleCustom(ctx, custom, { rows: [input.body], place: () => '' })
  return simple(ctx, await findDefault(ctx, input.body), { rows: [input.body], place: () => '' })
}

export async function predictModel(ctx: ServingCtx, input: Input<'predict_model'>): Promise<SimplePrediction> {
  const custom = ctx.serving.custom.find(input.model_id)
  if (custom) return simpleCustom(ctx, custom, { rows: [input.input_data], place: INPUT_DATA })
  const served = await findServed(ctx, { model: input.model_id, row: input.input_data })
  return simple(ctx, served, { rows: [input.input_data], place: INPUT_DATA })
}

async function simple(ctx: ServingCtx, served: Served, given: Rows): Promise<SimplePrediction> {
  const { answer, record } = await predictOne(ctx, served, given)
  const probability = simpleProbability(record.signature, answer)
  const { prediction, fallback } = answer
  return { prediction, ...(probability !== undefined && { probability }), ...(fallback && { fallback }) }
}

async function simpleCustom(ctx: ServingCtx, model: RegisteredModel, { rows, place }: Rows): Promise<SimplePrediction> {
  const { prediction, confidence } = await model.predict(ctx, rows[0], place(0))
  return { prediction, ...(confidence !== undefined && { probability: confidence }) }
}

async function predictOne(ctx: ServingCtx, served: Served, given: Rows): Promise<Predicted & { answer: Answer }> {
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
