// Who takes part in a blend, what is wrong with that, and which encoding of the columns each of them learns from: members that
// want the same encoding share one, so that a file holds it once.
import { compileCheck } from '../../../core/check.ts'
import type { FieldError } from '../../../core/failure.ts'
import type { EncodingChoices } from '../../encode/index.ts'
import type { Algorithm, LearningTask } from '../learner.ts'
import type { BlendSettings, MemberSettings } from './settings.ts'

/** An algorithm that can be a member: its encoding is always the same. */
export interface Single extends Algorithm {
  readonly encoding: EncodingChoices
}

export type Singles = Readonly<Record<string, Single>>

/** What a blend without members is made of, as far as it does the task. */
const USUAL = ['logistic_regression', 'linear_regression', 'gradient_boosting', 'random_forest']

/** The members that were named, or the usual ones of a task. */
export function membersOf(
  { members = [] }: Partial<BlendSettings>,
  singles: Singles,
  task: LearningTask,
): MemberSettings[] {
  if (members.length > 0) return members
  return USUAL.filter((name) => singles[name]?.tasks.includes(task)).map((algorithm) => ({
    algorithm,
    hyperparameters: {},
    weight: 1,
  }))
}

/** Fills in the defaults of every member; what breaks a rule, by its path below `hyperparameters`. */
export function checkMembers({ members }: BlendSettings, singles: Singles, task: LearningTask): FieldError[] {
  return members.flatMap(({ algorithm, hyperparameters }, i): readonly FieldError[] => {
    const at = `hyperparameters.members.${i}`
    const found = Object.hasOwn(singles, algorithm) ? singles[algorithm] : undefined
    if (!found?.tasks.includes(task)) {
      const able = Object.keys(singles).filter((name) => singles[name]!.tasks.includes(task))
      return [{ field: `${at}.algorithm`, message: `must be one of ${able.join(', ')}`, value: algorithm }]
    }
    return compileCheck(found.hyperparameters, { at: `${at}.hyperparameters` })(hyperparameters)
  })
}

/** The different encodings of some members, in the order in which they are first wanted. */
export function encodingsOf(members: readonly MemberSettings[], singles: Singles): EncodingChoices[] {
  const found = new Map<string, EncodingChoices>()
  for (const { algorithm } of members) {
    const { encoding } = singles[algorithm]!
    found.set(JSON.stringify(encoding), encoding)
  }
  return [...found.values()]
}

/** The place of a member's encoding among them. */
export function partOf({ algorithm }: MemberSettings, members: readonly MemberSettings[], singles: Singles): number {
  const own = JSON.stringify(singles[algorithm]!.encoding)
  return encodingsOf(members, singles).findIndex((one) => JSON.stringify(one) === own)
}
