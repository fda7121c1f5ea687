// Models written in TypeScript: a load function, a predict function and the schemas of what goes in and comes out. They
// belong to the service, not to a tenant: whoever can reach the service can call them by name.
import type { Static, TSchema } from 'typebox'
import type { Prediction } from '../../contract/predictions.ts'
import { type Check, compileCheck } from '../../core/check.ts'
import { asFailure, fail, invalid } from '../../core/failure.ts'
import { newId } from '../../core/ids.ts'
import { inSpan } from '../../core/trace.ts'
import type { Ctx } from '../ctx.ts'
import type { PredictedValue } from './output.ts'

export interface CustomModel<I extends TSchema = TSchema, O extends TSchema = TSchema, State = unknown> {
  readonly name: string
  readonly version?: string
  readonly input: I
  readonly output: O
  /** Called once, before the first prediction. */
  readonly load?: () => State | Promise<State>
  /** A method rather than a property, because only methods let one list hold models of different schemas. */
  predict(
    input: Static<I>,
    context: { readonly state: State; readonly signal: AbortSignal; readonly tenantId: string },
  ): Static<O> | Promise<Static<O>>
}

/** Checks the definition; the schemas are JSON Schema (TypeBox), so input and output are checked like any other. */
export function defineModel<I extends TSchema, O extends TSchema, State>(
  model: CustomModel<I, O, State>,
): CustomModel<I, O, State> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(model.name)) {
    throw fail('invalid', 'MODEL_NAME_INVALID', `defineModel: "${model.name}" is not a model name`)
  }
  return Object.freeze({ ...model })
}

export type CustomAnswer = Pick<Prediction, 'prediction' | 'confidence' | 'probabilities'>

export interface RegisteredModel {
  readonly name: string
  readonly version: string
  /** `place` is where the row stands in the request, for its errors. */
  predict(ctx: Ctx, row: unknown, place: string): Promise<Prediction>
  /** JSON Schema of its input. */
  readonly input: TSchema
  /** Asks without counting a prediction: for explanations, which ask about rows nobody sent. */
  ask(ctx: Ctx, row: unknown): Promise<CustomAnswer>
}

export class CustomModels {
  readonly #models = new Map<string, RegisteredModel>()

  get size(): number {
    return this.#models.size
  }

  find(name: string): RegisteredModel | undefined {
    return this.#models.get(name)
  }

  register(model: CustomModel): void {
    if (this.#models.has(model.name)) {
      throw fail('conflict', 'MODEL_EXISTS', `A model named "${model.name}" is already registered in code`)
    }
    this.#models.set(model.name, registered(model))
  }
}

function registered(model: CustomModel): RegisteredModel {
  const checkInput = compileCheck(model.input, { foreign: true })
  const checkOutput = compileCheck(model.output, { foreign: true })
  const version = model.version ?? '1.0.0'
  let loading: Promise<unknown> | undefined
  const load = () => {
    loading ??= Promise.resolve(model.load?.()).catch((error: unknown) => {
      loading = undefined
      throw error
    })
    return loading
  }
  const span = { name: 'predict', attributes: { 'modelyard.model': model.name, 'modelyard.version': version } } as const
  return {
    name: model.name,
    version,
    input: model.input,
    async ask(ctx, row) {
      const state = await load()
      return asAnswer(await model.predict(row, { state, signal: ctx.signal, tenantId: ctx.caller.tenantId }))
    },
    async predict(ctx, row, place) {
      const started = ctx.clock.elapsedMs()
      const labels = { tenant: ctx.metrics.tenantLabel(ctx.caller.tenantId), model: model.name, version }
      ctx.metrics.inferenceRequests.of(labels).inc()
      ctx.metrics.predictionBatchSize.of(labels).observe(1)
      try {
        refuse(checkInput, row, place)
        const state = await load()
        const told = { state, signal: ctx.signal, tenantId: ctx.caller.tenantId }
        const output = await inSpan(ctx, span, () => model.predict(row, told))
        const elapsed = ctx.clock.elapsedMs() - started
        checkAnswer(checkOutput, output, model.name)
        ctx.metrics.inferenceDuration.of(labels).observe(elapsed / 1000)
        return { ...asAnswer(output), model_id: model.name, version, prediction_id: newId('pred'), latency_ms: elapsed }
      } catch (error) {
        ctx.metrics.inferenceErrors.inc({ ...labels, code: asFailure(error).code })
        throw error
      }
    },
  }
}

function refuse(check: Check, row: unknown, place: string): void {
  const errors = check(row)
  if (errors.length === 0) return
  throw invalid(
    'input',
    errors.map((error) => ({ ...error, field: [place, error.field].filter(Boolean).join('.') })),
  )
}

function checkAnswer(check: Check, output: unknown, name: string): void {
  const errors = check(output)
  if (errors.length === 0) return
  const { field, message } = errors[0]!
  throw fail('internal', 'MODEL_OUTPUT_INVALID', `"${name}" broke its own output schema: ${field} ${message}`)
}

/** An output with a `prediction` is taken as the whole answer; anything else is the prediction. */
function asAnswer(output: unknown): { prediction: PredictedValue } {
  if (output !== null && typeof output === 'object' && 'prediction' in output) {
    return output as { prediction: PredictedValue }
  }
  return { prediction: output as PredictedValue }
}
