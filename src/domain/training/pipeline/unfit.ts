// Data that cannot be learned from: always the column, what is wrong with it, and what to do about it.
import { fail, MlError } from '../../../core/failure.ts'

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

/** What a learner has against the classes, which it knows no column of, gets the name of the target. */
export async function namingTarget<T>(column: string, learn: () => Promise<T>): Promise<T> {
  try {
    return await learn()
  } catch (error) {
    if (!(error instanceof MlError) || error.details?.about !== 'target') throw error
    const { about: _, ...details } = error.details
    throw fail(error.kind, 'TRAINING_DATA_INVALID', `Column "${column}": ${error.message}`, {
      details: { column, ...details },
      cause: error,
    })
  }
}

/** `"a", "b", "c" and 4 more` */
export function someOf(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name))
  const rest = names.length - shown.length
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ')
}
