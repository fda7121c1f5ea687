// How a model wants to be served, said in its metadata so that `PATCH /models/{id}` can change it: the deadline, whether
// its answers are cached, and what to answer when it cannot. Other keys of the metadata are the owner's business.
import { type Static, Type } from 'typebox'
import { compileCheck } from '../../core/check.ts'
import { invalid } from '../../core/failure.ts'

const Fallback = Type.Object(
  {
    prediction: Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]),
    confidence: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    probabilities: Type.Optional(Type.Record(Type.String(), Type.Number())),
  },
  { additionalProperties: false },
)

const Metadata = Type.Object({
  fallback: Type.Optional(Fallback),
  deadline_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: 600_000 })),
  cache: Type.Optional(Type.Boolean()),
})

export interface ServingSettings {
  /** Answered, and marked, where the model cannot answer. */
  readonly fallback?: Static<typeof Fallback>
  readonly deadlineMs?: number
  /** True: always; false: never; absent: where it is measured to save time. */
  readonly cache?: boolean
}

const check = compileCheck(Metadata, { at: 'metadata' })

/** @throws MlError `invalid` where one of the known keys has a value that cannot be followed. */
export function checkServingSettings(metadata: Readonly<Record<string, unknown>> | undefined): void {
  const errors = metadata === undefined ? [] : check(metadata)
  if (errors.length > 0) throw invalid('metadata', errors)
}

/** What was stored before the keys had a meaning may not fit it, and is then ignored. */
export function servingSettings(metadata: Readonly<Record<string, unknown>>): ServingSettings {
  if (check(metadata).length > 0) return {}
  const { fallback, deadline_ms: deadlineMs, cache } = metadata as Static<typeof Metadata>
  return {
    ...(fallback !== undefined && { fallback }),
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(cache !== undefined && { cache }),
  }
}
