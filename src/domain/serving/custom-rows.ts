// Several rows for a model written in TypeScript, which takes them one by one.
import type { Prediction } from '../../contract/predictions.ts'
import { asFailure, type FieldError } from '../../core/failure.ts'
import type { RegisteredModel } from './custom.ts'
import type { Rows } from './predict-rows.ts'
import type { ServingCtx } from './serving.ts'

/** Enough to keep a model busy that asks other services, few enough not to flood them. */
const AT_A_TIME = 32

export interface CustomAnswers {
  /** By index of the row given; undefined where the row was refused. */
  readonly answers: readonly (Prediction | undefined)[]
  readonly errors: ReadonlyMap<number, readonly FieldError[]>
  readonly elapsedMs: number
}

export async function predictCustomRows(
  ctx: ServingCtx,
  model: RegisteredModel,
  { rows, place }: Rows,
): Promise<CustomAnswers> {
  const started = ctx.clock.elapsedMs()
  const answers: (Prediction | undefined)[] = []
  const errors = new Map<number, readonly FieldError[]>()
  const one = async (row: unknown, index: number) => {
    try {
      return await model.predict(ctx, row, place(index))
    } catch (error) {
      const { kind, message, details } = asFailure(error)
      // What is wrong with the row is said beside it; what is wrong with the model concerns the whole request.
      if (kind !== 'invalid') throw error
      errors.set(index, (details?.errors as FieldError[] | undefined) ?? [{ field: place(index), message }])
      return undefined
    }
  }
  for (let start = 0; start < rows.length; start += AT_A_TIME) {
    if (ctx.gone()) ctx.signal.throwIfAborted()
    const chunk = rows.slice(start, start + AT_A_TIME)
    answers.push(...(await Promise.all(chunk.map((row, i) => one(row, start + i)))))
  }
  return { answers, errors, elapsedMs: ctx.clock.elapsedMs() - started }
}
