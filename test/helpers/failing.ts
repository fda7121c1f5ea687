// What a refused call says.
import { MlError } from '../../src/core/failure.ts'

export interface Refusal {
  readonly kind: string
  readonly code: string
  readonly message: string
  readonly details: Readonly<Record<string, unknown>> | undefined
  /** `details.errors` as field → message. */
  readonly fields: Readonly<Record<string, string>>
}

/** The failure of a call that must not succeed. */
export async function refusal(work: Promise<unknown>): Promise<Refusal> {
  const answer = await work.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if (!('error' in answer)) throw new Error(`It succeeded: ${JSON.stringify(answer.value)?.slice(0, 500)}`)
  if (!(answer.error instanceof MlError)) throw answer.error
  const { kind, code, message, details } = answer.error
  const errors = (details?.errors ?? []) as { field: string; message: string }[]
  return { kind, code, message, details, fields: Object.fromEntries(errors.map((e) => [e.field, e.message])) }
}
