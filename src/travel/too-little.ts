import { fail, type MlError } from '../core/failure.ts'

/** `needed` in words: "40 outcomes of pairs". */
export function tooLittle(found: number, needed: string): MlError {
  return fail('conflict', 'TRAVEL_TOO_LITTLE_RECORDED', `There is too little to learn from: ${found} of ${needed}`, {
    details: { found },
  })
}
