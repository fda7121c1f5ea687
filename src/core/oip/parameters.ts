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

const MICROSECONDS_A_MS = 1000
/** What a model's own deadline may be at most: a worker would be kept from everybody else for as long as somebody wishes. */
const LONGEST_TIMEOUT_MS = 600_000

/** Milliseconds of the parameter `timeout`; none, and 0, is the model's deadline. @throws `invalid` PARAMETER_INVALID */
export function timeoutMsOf(parameters: Parameters): number | undefined {
  const timeout = parameterNumber(parameters, 'timeout')
  return timeout === undefined || timeout === 0 ? undefined : Math.min(LONGEST_TIMEOUT_MS, timeout / MICROSECONDS_A_MS)
}

function parameterInvalid(message: string): MlError {
  return fail('invalid', 'PARAMETER_INVALID', message)
}
