// Data that cannot be learned from: always the column, what is wrong with it, and what to do about it.
import { fail, type MlError } from '../../../core/failure.ts'

export interface Unfit {
  readonly column: string
  /** Goes on after `Column "x" `: what is wrong. */
  readonly problem: string
  readonly remedy: string
  readonly details?: Readonly<Record<string, unknown>>
}

export function unfit({ column, problem, remedy, details }: Unfit): MlError {
  return fail('invalid', 'TRAINING_DATA_INVALID', `Column "${column}" ${problem}: ${remedy}`, {
    details: { column, remedy, ...details },
  })
}

/** `"a", "b", "c" and 4 more` */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name))
  const rest = names.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}
