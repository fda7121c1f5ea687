// `parameters` of requests and tensors: a flat object of strings, numbers and booleans. Unknown ones are passed over, as the
// protocol asks.
import { fail, type MlError } from '../failure.ts'

export type Parameters = Readonly<Record<string, string | number | bigint | boolean>>

const NONE: Parameters = {}

/** @throws `invalid` PARAMETER_INVALID for anything but a flat object. */
export function parametersOf(value: unknown, owner: string): Parameters {
  if (value === undefined || value === null) return NONE
  if (typeof value !== 'object' || Array.isArray(value)) {
    throw parameterInvalid(`"parameters" of the ${owner} must be an object`)
  }
  for (const [name, item] of Object.entries(value)) {
    if (item !== null && typeof item === 'object') {
      throw parameterInvalid(`Parameter "${name.slice(0, 80)}" of the ${owner} must be a string, a number or a boolean`)
    }
  }
  return value as Parameters
}

/** A whole number from 0. @throws `invalid` PARAMETER_INVALID */
export function parameterNumber(parameters: Parameters, name: string): number | undefined {
  const value = parameters[name]
  if (value === undefined || value === null) return undefined
  const number = typeof value === 'bigint' ? Number(value) : value
  if (Number.isSafeInteger(number) && (number as number) >= 0) return number as number
  throw parameterInvalid(`Parameter "${name}" must be a whole number, 0 or more`)
}

function parameterInvalid(message: string): MlError {
  return fail('invalid', 'PARAMETER_INVALID', message)
}
