// Refusing a file: one code, a sentence that names the place, and the same findings a broken contract would give.
import type { ContractFinding } from '../contract/datasets.ts'
import { fail, type MlError } from '../core/failure.ts'

/** Rules a file itself can break, before any contract is looked at. */
export type FileRule =
  | 'empty'
  | 'format'
  | 'encoding'
  | 'header'
  | 'field_count'
  | 'quotes'
  | 'json'
  | 'nested'
  | 'unsupported_type'
  | 'dtype'
  | 'limit'

export interface Place {
  readonly row?: number
  readonly column?: string
  readonly value?: string
}

export const MAX_FINDINGS = 100
const SHOWN_CHARACTERS = 200

export function refuse(rule: FileRule, message: string, place: Place = {}): MlError {
  const column = place.column ?? ''
  const findings: ContractFinding[] = [{ row: place.row ?? null, column, rule, value: shown(place.value) }]
  return fail('invalid', 'DATASET_INVALID', message, { details: { findings, counts: [{ column, rule, count: 1 }] } })
}

export function tooLarge(message: string): MlError {
  return fail('too_large', 'DATASET_TOO_LARGE', message)
}

export function shown(value: string | undefined | null): string | null {
  if (value === undefined || value === null) return null
  return value.length > SHOWN_CHARACTERS ? value.slice(0, SHOWN_CHARACTERS) : value
}
