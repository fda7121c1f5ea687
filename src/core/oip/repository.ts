// What a load request may not ask for, said the same by every face.
import { fail, type MlError } from '../failure.ts'

/** A part of the protocol that is not offered: status 501, gRPC UNIMPLEMENTED. */
export function notSupported(message: string): MlError {
  return fail('invalid', 'NOT_OFFERED', message)
}

/** @throws NOT_OFFERED for a configuration or files sent along; other parameters are passed over. */
export function refuseLoadParameters(names: readonly string[]): void {
  const sent = names.find((name) => name === 'config' || name.startsWith('file:'))
  if (sent === undefined) return
  throw notSupported(
    `The load parameter "${sent.slice(0, 80)}" is not taken: register a file with POST /api/v1/ml/models/{model}/versions`,
  )
}
